/* The one binary: everything is in gateway/cli. */
#include "gateway/cli/cli.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
