// The bytes of the wire format: see ValuesOnTheWire.md. Only numbers here.
#ifndef LFVM_WIRE_H
#define LFVM_WIRE_H

enum {
    MAJOR_UNSIGNED = 0,
    MAJOR_NEGATIVE = 1,
    MAJOR_BYTES = 2,
    MAJOR_TEXT = 3,
    MAJOR_ARRAY = 4,
    MAJOR_MAP = 5,
    MAJOR_TAG = 6,
    MAJOR_SIMPLE = 7,
};

enum {
    BYTE_EMPTY_ARRAY = 0x80,
    BYTE_ARRAY = 0x9f,  // of indefinite length
    BYTE_MAP = 0xbf,
    BYTE_FALSE = 0xf4,
    BYTE_TRUE = 0xf5,
    BYTE_NIL = 0xf6,
    BYTE_NULL = 0xf7,  // fleet.null
    BYTE_HALF = 0xf9,
    BYTE_SINGLE = 0xfa,
    BYTE_DOUBLE = 0xfb,
    BYTE_BREAK = 0xff,
};

enum {
    TAG_SHARED = 28,     // the value inside is referred to later
    TAG_REFERENCE = 29,  // the value with that number
    TAG_REST = 61920,      // the keys of a table that are not 1...n
    TAG_HANDLE = 61921,    // a shared object of the host
    TAG_FUNCTION = 61922,  // a Lua function by value
    TAG_NAME = 61923,      // a function or a library's table by its name
    TAG_OBJECT = 61924,    // an object that its receiver makes
};

// The bits of every NaN on the wire.
#define WIRE_NAN UINT64_C(0x7ff8000000000000)

#endif
