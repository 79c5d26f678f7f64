/* X.509 certificates as key pairs (type x509, from 2.2): for guests that let their users in by certificate (Windows, WinRM). */
#pragma once

#include "gateway/base/arena.h"
#include "gateway/base/err.h"

/* SHA-1 of the certificate (PEM), as colon-separated hex, as Nova shows it. E_INVALID "Keypair data is invalid: failed to generate
 * X509 fingerprint. …" */
MUST_CHECK enum err x509_fingerprint(struct arena *arena, const char *certificate, const char **out);

struct x509_pair {
    const char *certificate; /* PEM: CN is the user, the user principal name USER@localhost, for clients, ten years */
    const char *private_key; /* PEM (PKCS #8), RSA of 2048 bits. To be shown once, kept nowhere */
};

/* A new key and its certificate, signed by itself, in the arena. Takes a moment: RSA. */
MUST_CHECK enum err x509_pair_new(struct arena *arena, const char *user, struct x509_pair *out);
