/* The loops over all blocks of a CAR shard, compiled: `slices.encode_slices_plainly` and
   `shard_writer.frame_plainly`. They give the same bytes. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DIGEST_BYTES 32
#define MULTIHASH_BYTES (2 + DIGEST_BYTES)
#define PAGE_BITS 12 /* as in slices.py */
#define PAGES (1 << PAGE_BITS)
#define MAX_NUMBER_BYTES 9
#define MAX_SLICE_BYTES (3 + MULTIHASH_BYTES + 1 + 2 * MAX_NUMBER_BYTES)

typedef struct {
    unsigned char digest[DIGEST_BYTES];
    uint64_t offset, length;
} Slice;

typedef struct {
    Slice *items;
    Py_ssize_t count, room;
} Slices;

/* What is sorted in a slice's stead: small, so that the many comparisons stay within the cache. */
typedef struct {
    uint64_t start; /* of the digest, as a number */
    const Slice *slice;
} Key;

/* By digest; of a block that stands twice the last place first. */
static int compare(const void *one, const void *other)
{
    const Key *left = one, *right = other;
    if (left->start != right->start)
        return left->start < right->start ? -1 : 1;
    const int order = memcmp(left->slice->digest, right->slice->digest, DIGEST_BYTES);
    return order ? order : (left->slice < right->slice) - (left->slice > right->slice);
}

static Key key_of(const Slice *slice)
{
    Key key = {0, slice};
    for (int index = 0; index < 8; index++)
        key.start = key.start << 8 | slice->digest[index];
    return key;
}

/* Write CBOR's shortest head of an integer, at most MAX_NUMBER_BYTES; where it ends. */
static unsigned char *put_number(unsigned char *at, uint64_t number)
{
    if (number < 24) {
        *at++ = (unsigned char)number;
        return at;
    }
    const int power = number <= 0xFF ? 0 : number <= 0xFFFF ? 1 : number <= 0xFFFFFFFF ? 2 : 3;
    *at++ = (unsigned char)(0x18 + power);
    for (int shift = (8 << power) - 8; shift >= 0; shift -= 8)
        *at++ = (unsigned char)(number >> shift);
    return at;
}

/* Write a slice, at most MAX_SLICE_BYTES; where it ends. */
static unsigned char *put_slice(unsigned char *at, const Slice *slice)
{
    static const unsigned char head[] = {0x82, 0x58, MULTIHASH_BYTES, 0x12, DIGEST_BYTES};
    memcpy(at, head, sizeof(head));
    memcpy(at + sizeof(head), slice->digest, DIGEST_BYTES);
    at += sizeof(head) + DIGEST_BYTES;
    *at++ = 0x82;
    return put_number(put_number(at, slice->offset), slice->length);
}

/* Room for one more item, or NULL and an exception. */
static Slice *added(Slices *slices)
{
    if (slices->count == slices->room) {
        const Py_ssize_t room = slices->room ? 2 * slices->room : 1024;
        Slice *items = room < PY_SSIZE_T_MAX / (Py_ssize_t)sizeof(Slice)
                           ? PyMem_Realloc(slices->items, room * sizeof(Slice))
                           : NULL;
        if (!items)
            return (Slice *)PyErr_NoMemory();
        slices->items = items;
        slices->room = room;
    }
    return slices->items + slices->count;
}

/* Add one (name, offset, length); false and an exception if it is no such thing. */
static bool add(Slices *slices, PyObject *item)
{
    Slice *slice = added(slices);
    if (!slice)
        return false;
    if (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 3 || !PyBytes_Check(PyTuple_GET_ITEM(item, 0))) {
        PyErr_SetString(PyExc_TypeError, "a slice is a name, an offset and a length");
        return false;
    }
    PyObject *name = PyTuple_GET_ITEM(item, 0);
    const Py_ssize_t before = PyBytes_GET_SIZE(name) - MULTIHASH_BYTES;
    if (before < 0 || memcmp(PyBytes_AS_STRING(name) + before, "\x12\x20", 2)) {
        PyErr_SetString(PyExc_AssertionError, "blocks are named by sha2-256");
        return false;
    }
    memcpy(slice->digest, PyBytes_AS_STRING(name) + before + 2, DIGEST_BYTES);
    slice->offset = PyLong_AsUnsignedLongLong(PyTuple_GET_ITEM(item, 1));
    slice->length = PyErr_Occurred() ? 0 : PyLong_AsUnsignedLongLong(PyTuple_GET_ITEM(item, 2));
    slices->count++;
    return !PyErr_Occurred();
}

/* Fill `pages` from the sorted keys and return how many slices they hold; -1 and an exception.
   room: for all slices, since they may all be on one page. */
static Py_ssize_t cut(const Key *keys, Py_ssize_t count, unsigned char *room, PyObject *pages)
{
    Py_ssize_t number = 0, kept = 0;
    for (uint64_t page = 0; page < PAGES; page++) {
        unsigned char *at = room;
        for (; number < count && keys[number].start >> (64 - PAGE_BITS) == page; number++) {
            const Slice *slice = keys[number].slice;
            if (number && memcmp(slice->digest, keys[number - 1].slice->digest, DIGEST_BYTES) == 0)
                continue;
            at = put_slice(at, slice);
            kept++;
        }
        PyObject *bytes = PyBytes_FromStringAndSize((const char *)room, at - room);
        if (!bytes)
            return -1;
        PyList_SET_ITEM(pages, page, bytes);
    }
    return kept;
}

/* (count, pages), or NULL and an exception. */
static PyObject *in_pages(const Slices *slices)
{
    Key *keys = PyMem_New(Key, slices->count);
    unsigned char *room = PyMem_Malloc((size_t)slices->count * MAX_SLICE_BYTES);
    PyObject *pages = PyList_New(PAGES), *found = NULL;
    if (keys && room && pages) {
        for (Py_ssize_t number = 0; number < slices->count; number++)
            keys[number] = key_of(slices->items + number);
        qsort(keys, slices->count, sizeof(Key), compare);
        const Py_ssize_t count = cut(keys, slices->count, room, pages);
        found = count < 0 ? NULL : Py_BuildValue("nO", count, pages);
    } else if (!PyErr_Occurred())
        PyErr_NoMemory();
    PyMem_Free(room);
    PyMem_Free(keys);
    Py_XDECREF(pages);
    return found;
}

static PyObject *encode_slices(PyObject *module, PyObject *iterable)
{
    Slices slices = {NULL, 0, 0};
    PyObject *iterator = PyObject_GetIter(iterable), *item, *found = NULL;
    bool good = iterator != NULL;
    while (good && (item = PyIter_Next(iterator))) {
        good = add(&slices, item);
        Py_DECREF(item);
    }
    if (good && !PyErr_Occurred())
        found = in_pages(&slices);
    PyMem_Free(slices.items);
    Py_XDECREF(iterator);
    return found;
}

static Py_ssize_t varint_size(uint64_t number)
{
    Py_ssize_t size = 1;
    while (number >>= 7)
        size++;
    return size;
}

static char *put_varint(char *at, uint64_t number)
{
    for (; number > 0x7F; number >>= 7)
        *at++ = (char)((number & 0x7F) | 0x80);
    *at++ = (char)number;
    return at;
}

/* How many bytes the frames of all blocks take, if they start at `at`; -1 and an exception. */
static Py_ssize_t measure(PyObject *blocks, Py_ssize_t at)
{
    const Py_ssize_t start = at;
    Py_ssize_t position = 0;
    PyObject *cid, *content;
    while (PyDict_Next(blocks, &position, &cid, &content)) {
        if (!PyBytes_Check(cid) || !PyBytes_Check(content)) {
            PyErr_SetString(PyExc_TypeError, "blocks are bytes by CID");
            return -1;
        }
        const Py_ssize_t size = PyBytes_GET_SIZE(cid) + PyBytes_GET_SIZE(content);
        if (at < 0 || size > UINT32_MAX - at - MAX_NUMBER_BYTES) {
            PyErr_SetString(PyExc_OverflowError, "a shard's offsets have 32 bits");
            return -1;
        }
        at += varint_size(size) + size;
    }
    return at - start;
}

/* Write the frames of all blocks, which end up at `at` of the shard, and where their contents stand. */
static void put_frames(PyObject *blocks, Py_ssize_t at, char *frames, uint32_t *offsets, uint32_t *sizes)
{
    const char *start = frames;
    Py_ssize_t position = 0;
    PyObject *cid, *content;
    while (PyDict_Next(blocks, &position, &cid, &content)) {
        const Py_ssize_t name = PyBytes_GET_SIZE(cid), size = PyBytes_GET_SIZE(content);
        frames = put_varint(frames, name + size);
        memcpy(frames, PyBytes_AS_STRING(cid), name);
        frames += name;
        *offsets++ = (uint32_t)(at + (frames - start));
        *sizes++ = (uint32_t)size;
        memcpy(frames, PyBytes_AS_STRING(content), size);
        frames += size;
    }
}

static PyObject *frame(PyObject *module, PyObject *arguments)
{
    PyObject *blocks;
    Py_ssize_t at;
    if (!PyArg_ParseTuple(arguments, "O!n", &PyDict_Type, &blocks, &at))
        return NULL;
    const Py_ssize_t total = measure(blocks, at), packed = PyDict_GET_SIZE(blocks) * (Py_ssize_t)sizeof(uint32_t);
    if (total < 0)
        return NULL;
    PyObject *frames = PyBytes_FromStringAndSize(NULL, total), *found = NULL;
    PyObject *offsets = PyBytes_FromStringAndSize(NULL, packed), *sizes = PyBytes_FromStringAndSize(NULL, packed);
    if (frames && offsets && sizes) {
        put_frames(blocks, at, PyBytes_AS_STRING(frames), (uint32_t *)PyBytes_AS_STRING(offsets),
                   (uint32_t *)PyBytes_AS_STRING(sizes));
        found = PyTuple_Pack(3, frames, offsets, sizes);
    }
    Py_XDECREF(frames);
    Py_XDECREF(offsets);
    Py_XDECREF(sizes);
    return found;
}

static PyMethodDef methods[] = {
    {"frame", frame, METH_VARARGS, "As space.shard_writer.frame_plainly."},
    {"encode_slices", encode_slices, METH_O, "As space.slices.encode_slices_plainly, the count and the pages."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "space._shard", .m_size = -1, .m_methods = methods,
};

PyMODINIT_FUNC PyInit__shard(void) { return PyModule_Create(&definition); }
