/* See problem.h. */
#include "compute/placement/problem.h"

/* As err.c keeps its message: the error that is being returned belongs to the thread that returns it. */
static _Thread_local enum placement_problem last_problem;

void placement_problem_set(enum placement_problem problem)
{
    last_problem = problem;
}

enum placement_problem placement_problem(void)
{
    return last_problem;
}
