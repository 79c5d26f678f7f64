/* The children's part of places.h: one call for each child that has places of the batch, all at once. Private to it. */
#pragma once

#include "gateway/conductor/places.h"

MUST_CHECK enum err places_hold_below(struct request *request, const char *sizing_text, struct batch_place *places, size_t count);
void places_release_below(struct request *request, struct batch_place *places, size_t count);
