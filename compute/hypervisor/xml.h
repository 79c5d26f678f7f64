/*
 * The little XML that talking to libvirt needs: escaping for what we write, and finding an element in what libvirt's own formatter
 * wrote (no comments, no CDATA, no element inside one of the same name). Not a parser: never for a document from elsewhere.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "gateway/base/arena.h"
#include "gateway/base/text.h"

/* A piece of a document; borrowed. */
struct xml_span {
    const char *start;
    size_t length;
};

struct xml_span xml_document(const char *xml);

/* Adds `value` as text or attribute. What XML 1.0 cannot carry becomes U+FFFD. The input must be UTF-8. */
void xml_escape(struct text *out, const char *value);

/* The first `<tag …>…</tag>` or `<tag …/>` in `where`, tags included. False: there is none. */
bool xml_find(struct xml_span where, const char *tag, struct xml_span *out);
/* What follows `inner` in `where`. */
struct xml_span xml_after(struct xml_span where, struct xml_span inner);

/* Of the first such element: its text, or an attribute of its start tag, unescaped, in the arena. NULL: there is none. */
const char *xml_text(struct arena *arena, struct xml_span where, const char *tag);
const char *xml_attribute(struct arena *arena, struct xml_span where, const char *tag, const char *attribute);
