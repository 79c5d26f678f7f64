"""Tickets of orders (spec link.md section 9, "onward"), opened and sealed again with the zone's own key: what only that zone could do."""
import base64
import ctypes
import ctypes.util
import hashlib
import json
import os

CONTEXT = b"zonegate onward ticket"
KEY_ID, NONCE, TAG = 4, 24, 16
PLAN_KEY = slice(48, 80)  # behind uuid and sealing key


def sodium():
    return ctypes.CDLL(ctypes.util.find_library("sodium"))


def plan_key(zone):
    path = zone.directory / "state" / "zone.keys"
    return base64.b64decode(path.read_bytes().split()[-1])[PLAN_KEY]


def reading(zone, ticket):
    """What a ticket of this zone says."""
    sealed = base64.b64decode(ticket)[KEY_ID:]
    plain, length = ctypes.create_string_buffer(len(sealed)), ctypes.c_ulonglong()
    body = sealed[NONCE:]
    assert sodium().crypto_aead_xchacha20poly1305_ietf_decrypt(
        plain, ctypes.byref(length), None, body, ctypes.c_ulonglong(len(body)), CONTEXT, ctypes.c_ulonglong(len(CONTEXT)),
        sealed[:NONCE], plan_key(zone)) == 0
    return json.loads(plain.raw[:length.value])


def sealing(zone, words, context=CONTEXT):
    """A ticket that says so."""
    plain, nonce = json.dumps(words).encode(), os.urandom(NONCE)
    sealed, length = ctypes.create_string_buffer(len(plain) + TAG), ctypes.c_ulonglong()
    assert sodium().crypto_aead_xchacha20poly1305_ietf_encrypt(
        sealed, ctypes.byref(length), plain, ctypes.c_ulonglong(len(plain)), context, ctypes.c_ulonglong(len(context)), None,
        nonce, plan_key(zone)) == 0
    return base64.b64encode(hashlib.blake2b(plan_key(zone), digest_size=32).digest()[:KEY_ID] + nonce + sealed.raw[:length.value]).decode()
