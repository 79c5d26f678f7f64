/* Questions about the caller. */
#include "gateway/base/caller.h"

#include "gateway/base/text.h"

bool caller_has_role(const struct caller *caller, const char *role)
{
    for (size_t i = 0; i < caller->role_count; i++) {
        if (str_equal_nocase(caller->roles[i], role))
            return true;
    }
    return false;
}
