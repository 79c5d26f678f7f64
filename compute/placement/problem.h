/*
 * Why an operation of Placement failed, more exactly than the kind of an error says: the API layer's status, words and code hang
 * on it (spec placement.md 1.1).
 *
 * Kept per thread beside err_message(), set by fail_placement, cleared when an operation begins: two threads never see each
 * other's.
 */
#pragma once

#include "gateway/base/err.h"

enum placement_problem {
    PROBLEM_NONE,                /* no failure of Placement's: a bad value, or the database */
    PROBLEM_CONCURRENT_UPDATE,   /* E_CONFLICT: a generation is not the one that was given, or moved meanwhile */
    PROBLEM_CONSUMER_GENERATION, /* E_CONFLICT: a consumer's is not the one that was given */
    PROBLEM_INVENTORY_IN_USE,    /* E_CONFLICT: allocations hold what should go */
    PROBLEM_NO_INVENTORY,        /* E_NOT_FOUND: the provider has none of that class */
    PROBLEM_CAPACITY,            /* E_INVALID: more is reserved than there is */
    PROBLEM_NO_ROOM,             /* E_CONFLICT: no inventory, units or capacity for an allocation */
    PROBLEM_UNKNOWN_CLASS,       /* E_NOT_FOUND */
    PROBLEM_UNKNOWN_TRAIT,       /* E_NOT_FOUND */
    PROBLEM_UNKNOWN_PROVIDER,    /* E_NOT_FOUND */
    PROBLEM_DUPLICATE,           /* E_CONFLICT: uuid or name is there already */
    PROBLEM_PROVIDER_IN_USE,     /* E_CONFLICT: it has allocations */
    PROBLEM_HAS_CHILDREN,        /* E_CONFLICT */
    PROBLEM_BAD_TREE,            /* E_INVALID: a parent that cannot be one */
    PROBLEM_STANDARD,            /* E_INVALID: a standard class or trait stays */
    PROBLEM_IN_USE,              /* E_CONFLICT: a class or trait is in use */
};

void placement_problem_set(enum placement_problem problem);
enum placement_problem placement_problem(void);

/* As fail(), with the problem. */
#define fail_placement(kind, problem, ...) (placement_problem_set(problem), fail(kind, __VA_ARGS__))
