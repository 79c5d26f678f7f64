"""nova_part.py PART DIRECTORY PORT: one part of nova_server.py's cloud; PART is keystone, glance, placement or nova.

Every part makes its own tables first. Nova's services share one process, for the messages between them stay in memory; Neutron and
Cinder are answered by the fixtures of Nova's functional tests.
"""
import os
import subprocess
import sys

COMPUTES = ("compute1", "compute2")
ROOT_DATABASE = "mysql+pymysql://root@localhost/{}?unix_socket={}/sock"


def listen(application, port):
    """Serves a WSGI application until the process ends."""
    import eventlet
    from eventlet import wsgi
    wsgi.server(eventlet.listen(("127.0.0.1", port)), application, log_output=False)


def run_keystone(directory, port):
    configuration = f"--config-file={directory}/keystone.conf"
    for command in (["db_sync"], ["fernet_setup", "--keystone-user=root", "--keystone-group=root"],
                    ["credential_setup", "--keystone-user=root", "--keystone-group=root"],
                    ["bootstrap", "--bootstrap-password=secret", "--bootstrap-region-id=RegionOne", "--bootstrap-public-url",
                     f"http://127.0.0.1:{port}/v3", "--bootstrap-internal-url", f"http://127.0.0.1:{port}/v3",
                     "--bootstrap-admin-url", f"http://127.0.0.1:{port}/v3"]):
        subprocess.run(["/usr/bin/keystone-manage", configuration, *command], check=True)
    os.environ["OS_KEYSTONE_CONFIG_FILES"] = f"{directory}/keystone.conf"
    from keystone.server import wsgi
    listen(wsgi.initialize_public_application(), port)


def run_glance(directory, port):
    manage = "from glance.cmd.manage import main; main()"
    subprocess.run([sys.executable, "-c", manage, f"--config-file={directory}/glance-api.conf", "db_sync"], check=True)
    os.environ["OS_GLANCE_CONFIG_DIR"] = directory
    from glance.common import wsgi_app
    listen(wsgi_app.init_app(), port)


def run_placement(directory, port):
    manage = "from placement.cmd.manage import main; main()"
    subprocess.run([sys.executable, "-c", manage, f"--config-file={directory}/placement.conf", "db", "sync"], check=True)
    os.environ["OS_PLACEMENT_CONFIG_DIR"] = directory
    from placement import wsgi
    listen(wsgi.init_application(), port)


def make_nova_tables(directory):
    manage = [sys.executable, "-c", "from nova.cmd.manage import main; main()", f"--config-file={directory}/nova.conf"]
    cell0 = ROOT_DATABASE.format("nova_cell0", directory)
    for command in (["api_db", "sync"], ["cell_v2", "map_cell0", f"--database_connection={cell0}"],
                    ["cell_v2", "create_cell", "--name=cell1"], ["db", "sync"]):
        subprocess.run([*manage, *command], check=True)


class Pretender:
    """What the fixtures of Nova's functional tests want of a test case."""

    def __init__(self, configuration):
        self.configuration = configuration
        self.fixtures = []

    def use(self, fixture):
        fixture.setUp()
        self.fixtures.append(fixture)
        return fixture

    def stub_out(self, name, replacement):
        import fixtures
        self.use(fixtures.MonkeyPatch(name, replacement))

    def flags(self, group=None, **options):
        for name, value in options.items():
            self.configuration.set_override(name, value, group)


def start_services(configuration):
    """Conductor, scheduler and the compute services; each compute service keeps the host name that it was made with."""
    from nova import context, objects, service
    from nova.compute import rpcapi as compute_rpcapi
    from nova.objects import host_mapping
    service.Service.create(binary="nova-conductor", topic="conductor", host="control").start()
    service.Service.create(binary="nova-scheduler", topic="scheduler", host="control").start()
    for host in COMPUTES:
        configuration.set_override("host", host)
        service.Service.create(binary="nova-compute", topic=compute_rpcapi.RPC_TOPIC, host=host).start()
    configuration.set_override("host", "control")
    host_mapping.discover_hosts(context.get_admin_context())
    objects.Service.clear_min_version_cache()


def run_nova(directory, port):
    make_nova_tables(directory)
    from nova import monkey_patch  # noqa: F401  (must come before all else of Nova)
    from nova import config, objects, service
    import nova.conf
    configuration = nova.conf.CONF
    from oslo_log import log as logging
    config.parse_args(["nova", f"--config-file={directory}/nova.conf"])
    logging.setup(configuration, "nova")
    objects.register_all()
    import os_vif
    os_vif.initialize()
    from nova.tests import fixtures as nova_fixtures
    pretender = Pretender(configuration)
    pretender.use(nova_fixtures.NeutronFixture(pretender))
    pretender.use(nova_fixtures.CinderFixture(pretender))
    start_services(configuration)
    api = service.WSGIService("osapi_compute")
    api.start()
    api.wait()


def main():
    name, directory, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
    del sys.argv[1:]  # the services read their own arguments there
    if name != "nova":
        import eventlet
        eventlet.monkey_patch()
    {"keystone": run_keystone, "glance": run_glance, "placement": run_placement, "nova": run_nova}[name](directory, port)


if __name__ == "__main__":
    main()
