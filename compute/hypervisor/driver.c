/* What each libvirt driver can do, and libvirt's errors as ours. */
#include "compute/hypervisor/host.h"

static const struct driver drivers[] = {
    {.name = "QEMU",
     .kvm = true,
     .upload = true,
     .filters = true,
     .console = true,
     .undefine_flags = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA | VIR_DOMAIN_UNDEFINE_NVRAM |
                       VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA},
    {.name = "Test", .undefine_flags = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA},
};

enum err driver_of(virConnectPtr connection, const struct driver **out)
{
    const char *name = virConnectGetType(connection);
    if (!name)
        return fail_libvirt("virConnectGetType");
    for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
        if (str_equal_nocase(drivers[i].name, name)) { /* libvirt says TEST */
            *out = &drivers[i];
            return OK;
        }
    }
    return fail(E_NOT_IMPLEMENTED, "The libvirt driver '%s' is not supported: QEMU and Test are.", name);
}

static const struct {
    int code;
    enum err kind;
} error_kinds[] = {
    {VIR_ERR_NO_DOMAIN, E_NOT_FOUND},
    {VIR_ERR_NO_STORAGE_VOL, E_NOT_FOUND},
    {VIR_ERR_NO_STORAGE_POOL, E_NOT_FOUND},
    {VIR_ERR_NO_NETWORK, E_NOT_FOUND},
    {VIR_ERR_OPERATION_INVALID, E_CONFLICT},
    {VIR_ERR_NO_SUPPORT, E_NOT_IMPLEMENTED},
    {VIR_ERR_OPERATION_UNSUPPORTED, E_NOT_IMPLEMENTED},
    {VIR_ERR_ARGUMENT_UNSUPPORTED, E_NOT_IMPLEMENTED},
    {VIR_ERR_CONFIG_UNSUPPORTED, E_NOT_IMPLEMENTED},
    {VIR_ERR_NO_CONNECT, E_UNAVAILABLE},
    {VIR_ERR_INVALID_CONN, E_UNAVAILABLE},
    {VIR_ERR_RPC, E_UNAVAILABLE},
    {VIR_ERR_AUTH_FAILED, E_UNAVAILABLE},
    {VIR_ERR_AUTH_CANCELLED, E_UNAVAILABLE},
    {VIR_ERR_AUTH_UNAVAILABLE, E_UNAVAILABLE},
    {VIR_ERR_NO_SERVER, E_UNAVAILABLE},
};

enum err fail_libvirt(const char *what)
{
    const virError *error = virGetLastError();
    if (!error)
        return fail(E_INTERNAL, "%s failed and libvirt does not say why.", what);
    enum err kind = E_INTERNAL;
    for (size_t i = 0; i < ARRAY_LEN(error_kinds); i++) {
        if (error_kinds[i].code == error->code)
            kind = error_kinds[i].kind;
    }
    return fail(kind, "%s: %s", what, error->message ? error->message : "no message");
}

bool libvirt_error_is(int code)
{
    return virGetLastErrorCode() == code;
}
