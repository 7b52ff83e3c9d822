/* `mst_node.take_apart_plainly`, compiled. It takes the nodes which that one takes and no others, and says
   nothing of the rest: the caller goes the long way with them, to say what is wrong.

   All reading goes through `cursor`, which never passes its end: `taken` is the only place that moves it. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <string.h>

#define MAX_KEY_BYTES 1024 /* as in mst_bytes.py */
#define CID_BYTES 36
#define DIGEST_BYTES 32

static PyTypeObject *cid_type;
static PyObject *sha256, *digest_name;

typedef const unsigned char *Bytes;

typedef struct {
    Bytes at, end;
} Cursor;

typedef struct {
    unsigned char bytes[MAX_KEY_BYTES];
    Py_ssize_t size;
} Key;

/* The next `size` bytes, or NULL if there are not so many. */
static Bytes taken(Cursor *cursor, Py_ssize_t size)
{
    if (cursor->end - cursor->at < size)
        return NULL;
    Bytes start = cursor->at;
    cursor->at += size;
    return start;
}

static bool expect(Cursor *cursor, const char *literal, Py_ssize_t size)
{
    Bytes found = taken(cursor, size);
    return found && memcmp(found, literal, size) == 0;
}

#define EXPECT(cursor, literal) expect(cursor, literal, sizeof(literal) - 1)

/* The number of a shortest CBOR head of this major type, below 2**16; else -1. */
static Py_ssize_t head(Cursor *cursor, int major)
{
    Bytes first = taken(cursor, 1);
    if (!first || first[0] >> 5 != major)
        return -1;
    const int tail = first[0] & 31;
    if (tail < 24)
        return tail;
    Bytes number = tail < 26 ? taken(cursor, tail - 23) : NULL;
    if (!number)
        return -1;
    const Py_ssize_t value = tail == 24 ? number[0] : number[0] << 8 | number[1];
    return value >= (tail == 24 ? 24 : 256) ? value : -1;
}

/* The CID of a link to a DAG-CBOR block, or NULL. */
static Bytes link_target(Cursor *cursor)
{
    if (!EXPECT(cursor, "\xd8\x2a\x58\x25\x00"))
        return NULL;
    Bytes cid = taken(cursor, CID_BYTES);
    return cid && memcmp(cid, "\x01\x71\x12\x20", 4) == 0 ? cid : NULL;
}

/* As `link_target`, into `cid`; NULL there for null. Whether it was either. */
static bool link_or_null(Cursor *cursor, Bytes *cid)
{
    *cid = NULL;
    if (cursor->at < cursor->end && *cursor->at == 0xF6)
        return taken(cursor, 1) != NULL;
    return (*cid = link_target(cursor)) != NULL;
}

static bool in_path(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '-' && byte <= ':') || byte == '_' ||
           byte == '~';
}

/* Whether `key` is a collection, one slash and a record key. */
static bool is_path(const Key *key)
{
    Bytes slash = memchr(key->bytes, '/', key->size), end = key->bytes + key->size;
    return slash && slash > key->bytes && slash + 1 < end && !memchr(slash + 1, '/', end - slash - 1);
}

/* Make `key` the next one: as much of it as the entry says, then the entry's own bytes. */
static bool next_key(Cursor *cursor, Key *key)
{
    if (!EXPECT(cursor, "\xa4\x61k"))
        return false;
    const Py_ssize_t size = head(cursor, 2);
    Bytes rest = size > 0 ? taken(cursor, size) : NULL;
    if (!rest || !EXPECT(cursor, "\x61p"))
        return false;
    const Py_ssize_t shared = head(cursor, 0);
    if (shared < 0 || shared > key->size || size > MAX_KEY_BYTES - shared)
        return false;
    /* The first byte that differs must be greater, and must differ: one comparison for two rules. */
    if (shared < key->size && rest[0] <= key->bytes[shared])
        return false;
    for (Py_ssize_t index = 0; index < size; index++)
        if (!in_path(rest[index]))
            return false;
    memcpy(key->bytes + shared, rest, size);
    key->size = shared + size;
    return is_path(key);
}

/* The layer of a record path, or -1 and an exception. */
static int layer_of(PyObject *key)
{
    PyObject *hash = PyObject_CallOneArg(sha256, key);
    PyObject *digest = hash ? PyObject_CallMethodNoArgs(hash, digest_name) : NULL;
    int layer = -1;
    if (digest && PyBytes_Check(digest) && PyBytes_GET_SIZE(digest) == DIGEST_BYTES) {
        Bytes bytes = (Bytes)PyBytes_AS_STRING(digest);
        for (layer = 0; layer < 4 * DIGEST_BYTES; layer++)
            if (bytes[layer / 4] >> (6 - layer % 4 * 2) & 3)
                break;
    } else if (digest)
        PyErr_SetString(PyExc_TypeError, "a digest is 32 bytes");
    Py_XDECREF(digest);
    Py_XDECREF(hash);
    return layer;
}

static PyObject *new_cid(Bytes cid)
{
    if (!cid)
        Py_RETURN_NONE;
    PyObject *bytes = PyBytes_FromStringAndSize((const char *)cid, CID_BYTES);
    PyObject *arguments = bytes ? PyTuple_Pack(1, bytes) : NULL;
    PyObject *value = arguments ? PyBytes_Type.tp_new(cid_type, arguments, NULL) : NULL;
    Py_XDECREF(arguments);
    Py_XDECREF(bytes);
    return value;
}

static bool append(PyObject *list, PyObject *value) /* takes over `value` */
{
    const bool done = value && PyList_Append(list, value) == 0;
    Py_XDECREF(value);
    return done;
}

/* Append one entry and the link behind it. Its layer, or -1; then an exception is set unless it is refused. */
static int take_entry(Cursor *cursor, Key *key, PyObject *entries, PyObject *links)
{
    Bytes below, record = NULL;
    if (next_key(cursor, key) && EXPECT(cursor, "\x61t") && link_or_null(cursor, &below) && EXPECT(cursor, "\x61v"))
        record = link_target(cursor);
    if (!record)
        return -1;
    PyObject *path = PyBytes_FromStringAndSize((const char *)key->bytes, key->size);
    PyObject *cid = path ? new_cid(record) : NULL;
    PyObject *entry = cid ? PyTuple_Pack(2, path, cid) : NULL;
    const int layer = entry ? layer_of(path) : -1;
    const bool kept = append(entries, entry) && layer >= 0 && append(links, new_cid(below));
    Py_XDECREF(cid);
    Py_XDECREF(path);
    return kept ? layer : -1;
}

/* Fill both lists and return the layer; or -1, then an exception is set unless the node is refused. */
static int take_node(Cursor *cursor, PyObject *entries, PyObject *links)
{
    Bytes left;
    Key key;
    int layer = 0;
    key.size = 0;
    const Py_ssize_t count = EXPECT(cursor, "\xa2\x61\x65") ? head(cursor, 4) : -1;
    if (count < 0 || !append(links, Py_NewRef(Py_None)))
        return -1;
    for (Py_ssize_t number = 0; number < count; number++) {
        const int on = take_entry(cursor, &key, entries, links);
        if (on < 0 || (number && on != layer))
            return -1;
        layer = on;
    }
    if (!EXPECT(cursor, "\x61l") || !link_or_null(cursor, &left) || cursor->at != cursor->end)
        return -1;
    PyObject *first = new_cid(left);
    return first && PyList_SetItem(links, 0, first) == 0 ? layer : -1;
}

static PyObject *take_apart(PyObject *module, PyObject *data)
{
    if (!PyBytes_Check(data))
        return PyErr_Format(PyExc_TypeError, "a node is bytes");
    Bytes start = (Bytes)PyBytes_AS_STRING(data);
    Cursor cursor = {start, start + PyBytes_GET_SIZE(data)};
    PyObject *entries = PyList_New(0), *links = PyList_New(0), *found = NULL;
    const int layer = entries && links ? take_node(&cursor, entries, links) : -1;
    if (layer >= 0)
        found = Py_BuildValue("iOO", layer, entries, links);
    else if (!PyErr_Occurred())
        found = Py_NewRef(Py_None);
    Py_XDECREF(links);
    Py_XDECREF(entries);
    return found;
}

static PyObject *imported(const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *value = module ? PyObject_GetAttrString(module, name) : NULL;
    Py_XDECREF(module);
    return value;
}

static PyMethodDef methods[] = {
    {"take_apart", take_apart, METH_O, "As backup_agent.atproto.mst_node.take_apart_plainly, but None for what that refuses."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "backup_agent.atproto._node", .m_size = -1, .m_methods = methods,
};

PyMODINIT_FUNC PyInit__node(void)
{
    cid_type = (PyTypeObject *)imported("pail.cid", "CID");
    sha256 = cid_type ? imported("hashlib", "sha256") : NULL;
    digest_name = sha256 ? PyUnicode_InternFromString("digest") : NULL;
    return digest_name ? PyModule_Create(&definition) : NULL;
}
