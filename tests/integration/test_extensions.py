"""What old clients ask before they begin: the list of extensions; and certificates as key pairs, which come from the same years."""
import re


def test_extensions_are_listed_and_shown(http):
    listed = http.fetch("/extensions")["extensions"]
    aliases = [row["alias"] for row in listed]
    assert len(set(aliases)) == len(aliases) == 99 and {"os-keypairs", "OS-DCF", "os-networks", "os-volumes"} <= set(aliases)
    assert all(set(row) == {"alias", "name", "description", "links", "namespace", "updated"} and row["links"] == [] for row in listed)
    assert http.fetch("/extensions/OS-DCF")["extension"] == next(row for row in listed if row["alias"] == "OS-DCF")
    assert http.get("/extensions/none").status_code == 404
    assert http.fetch("/extensions", version="2.93")["extensions"] == listed
    assert http.get("/extensions", token="x").status_code == 401


def test_a_certificate_is_a_key_pair(http):
    made = http.post("/os-keypairs", {"keypair": {"name": "cert", "type": "x509"}}, version="2.2")
    assert made.status_code == 201, made.text
    pair = made.json()["keypair"]
    assert pair["type"] == "x509" and pair["public_key"].startswith("-----BEGIN CERTIFICATE-----")
    assert "PRIVATE KEY" in pair["private_key"] and re.fullmatch("([0-9a-f]{2}:){19}[0-9a-f]{2}", pair["fingerprint"])
    shown = http.fetch("/os-keypairs/cert", version="2.2")["keypair"]
    assert shown["type"] == "x509" and shown["public_key"] == pair["public_key"] and "private_key" not in shown
    assert http.delete("/os-keypairs/cert", version="2.2").status_code == 204
    again = http.post("/os-keypairs", {"keypair": {"name": "cert", "type": "x509", "public_key": pair["public_key"]}}, version="2.92")
    assert again.status_code == 201 and again.json()["keypair"]["fingerprint"] == pair["fingerprint"], again.text
    assert "private_key" not in again.json()["keypair"]
    bad = http.post("/os-keypairs", {"keypair": {"name": "bad", "type": "x509", "public_key": "ssh-rsa AAAA"}}, version="2.2")
    assert bad.status_code == 400 and "failed to generate X509 fingerprint" in bad.text
    assert http.delete("/os-keypairs/cert").status_code == 202
