/*
 * Certificates as a file: libcurl over GnuTLS takes authorities by path only, and compares paths when it looks for a warm
 * connection. So each set of certificates lives in one anonymous file, under one path, for the life of the process; equal bytes
 * share it.
 */
#pragma once

#include "gateway/base/err.h"

#define CA_FILE_PATH_SIZE 40

/* The path of a file with these certificates. Any thread. E_UNAVAILABLE: no file can be made, or there are too many sets. */
MUST_CHECK enum err ca_file_path(const char *pem, char out[CA_FILE_PATH_SIZE]);
