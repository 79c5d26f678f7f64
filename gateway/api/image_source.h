/* The route table of image_source.c: what the zones below ask for images. Part of the compute service. */
#pragma once

#include "gateway/http/core/core.h"

extern const struct route image_source_routes[];
