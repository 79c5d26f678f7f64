/*
 * Who asks. Filled by the gateway from a token or from a link's delegation; everything below reads it only.
 * All strings live in the request's arena and are never NULL unless said.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct caller {
    const char *user_id;
    const char *user_name;
    const char *user_domain_id;
    const char *user_domain_name;
    const char *project_id; /* NULL when the token is not scoped to a project */
    const char *project_name;
    const char *project_domain_id;
    const char *project_domain_name;
    const char *domain_id; /* NULL unless scoped to a domain */
    bool system_scope;
    const char *const *roles; /* names */
    size_t role_count;
    bool is_admin;        /* has role admin */
    bool is_member;       /* has member or admin */
    const char *audit_id; /* of the token, NULL over a link */
    int64_t expires_us;
    const char *request_id;
    bool over_link; /* a parent zone vouches for this user */
};

bool caller_has_role(const struct caller *caller, const char *role);
