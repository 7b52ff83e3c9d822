/* `pail.car.scan_plainly` and `mentioning_plainly`, compiled. The scan accepts what that one accepts and
   nothing else; what either does not take is left to `CarReader`, which says what is wrong.

   Every length is compared with what is left before anything behind it is read. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <string.h>

#define PREFIX_BYTES 4
#define DIGEST_BYTES 32
#define CID_BYTES (PREFIX_BYTES + DIGEST_BYTES)

static PyTypeObject *cid_type, *block_type;
static PyObject *sha256, *digest_name;

/* `type(part)`, without the detour of calling a type: `base` is bytes or tuple. Takes over `part`. */
static PyObject *made(PyTypeObject *base, PyTypeObject *type, PyObject *part)
{
    PyObject *arguments = part ? PyTuple_Pack(1, part) : NULL;
    PyObject *value = arguments ? base->tp_new(type, arguments, NULL) : NULL;
    Py_XDECREF(arguments);
    Py_XDECREF(part);
    return value;
}

/* Whether `content` hashes to `digest`; -1 and an exception if that cannot be told. */
static int hashes_to(PyObject *content, const unsigned char *digest)
{
    PyObject *hash = PyObject_CallOneArg(sha256, content);
    PyObject *found = hash ? PyObject_CallMethodNoArgs(hash, digest_name) : NULL;
    int equal = -1;
    if (found && PyBytes_Check(found) && PyBytes_GET_SIZE(found) == DIGEST_BYTES)
        equal = memcmp(PyBytes_AS_STRING(found), digest, DIGEST_BYTES) == 0;
    else if (found)
        PyErr_SetString(PyExc_TypeError, "a digest is 32 bytes");
    Py_XDECREF(found);
    Py_XDECREF(hash);
    return equal;
}

/* Append the block of one frame: 1, or 0 if it is not a common or not a good one, -1 on an exception. */
static int take_frame(const unsigned char *frame, Py_ssize_t length, PyObject *blocks)
{
    static const unsigned char dag_cbor[] = {1, 0x71, 0x12, DIGEST_BYTES}, raw[] = {1, 0x55, 0x12, DIGEST_BYTES};
    if (length < CID_BYTES || (memcmp(frame, dag_cbor, PREFIX_BYTES) && memcmp(frame, raw, PREFIX_BYTES)))
        return 0;
    PyObject *content = PyBytes_FromStringAndSize((const char *)frame + CID_BYTES, length - CID_BYTES);
    int good = content ? hashes_to(content, frame + PREFIX_BYTES) : -1;
    if (good == 1) {
        PyObject *cid = made(&PyBytes_Type, cid_type, PyBytes_FromStringAndSize((const char *)frame, CID_BYTES));
        PyObject *pair = cid ? PyTuple_Pack(2, cid, content) : NULL;
        PyObject *block = made(&PyTuple_Type, block_type, pair);
        good = block && PyList_Append(blocks, block) == 0 ? 1 : -1;
        Py_XDECREF(block);
        Py_XDECREF(cid);
    }
    Py_XDECREF(content);
    return good;
}

static PyObject *scan(PyObject *module, PyObject *arguments)
{
    PyObject *data, *blocks;
    Py_ssize_t at;
    if (!PyArg_ParseTuple(arguments, "SnO!", &data, &at, &PyList_Type, &blocks))
        return NULL;
    const unsigned char *bytes = (const unsigned char *)PyBytes_AS_STRING(data);
    const Py_ssize_t size = PyBytes_GET_SIZE(data);
    if (at < 0 || at > size)
        return PyErr_Format(PyExc_ValueError, "offset %zd in %zd bytes", at, size);
    while (size - at > 1) {
        Py_ssize_t length = bytes[at], start = at + 1;
        if (length > 0x7F) {
            const unsigned char more = bytes[start++];
            if (more == 0 || more > 0x7F)
                break;
            length = (length & 0x7F) | (Py_ssize_t)more << 7;
        }
        if (length > size - start)
            break;
        const int taken = take_frame(bytes + start, length, blocks);
        if (taken < 0)
            return NULL;
        if (taken == 0)
            break;
        at = start + length;
    }
    return PyLong_FromSsize_t(at);
}

static bool contains(PyObject *content, const char *part, Py_ssize_t size)
{
    if (PyBytes_GET_SIZE(content) < size)
        return false;
    const char *at = PyBytes_AS_STRING(content), *end = at + (PyBytes_GET_SIZE(content) - size + 1);
    while (at < end && (at = memchr(at, part[0], end - at)))
        if (memcmp(at++, part, size) == 0)
            return true;
    return false;
}

static PyObject *mentioning(PyObject *module, PyObject *arguments)
{
    PyObject *blocks, *part;
    if (!PyArg_ParseTuple(arguments, "O!S", &PyList_Type, &blocks, &part))
        return NULL;
    const Py_ssize_t size = PyBytes_GET_SIZE(part);
    PyObject *cids = size ? PyList_New(0) : PyErr_Format(PyExc_ValueError, "nothing to look for");
    for (Py_ssize_t number = 0; cids && number < PyList_GET_SIZE(blocks); number++) {
        PyObject *block = PyList_GET_ITEM(blocks, number);
        if (!PyTuple_Check(block) || PyTuple_GET_SIZE(block) != 2 || !PyBytes_Check(PyTuple_GET_ITEM(block, 1))) {
            PyErr_SetString(PyExc_TypeError, "a block is a CID and bytes");
            Py_CLEAR(cids);
        } else if (contains(PyTuple_GET_ITEM(block, 1), PyBytes_AS_STRING(part), size) &&
                   PyList_Append(cids, PyTuple_GET_ITEM(block, 0)) < 0)
            Py_CLEAR(cids);
    }
    return cids;
}

static PyObject *imported(const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *value = module ? PyObject_GetAttrString(module, name) : NULL;
    Py_XDECREF(module);
    return value;
}

static PyMethodDef methods[] = {
    {"scan", scan, METH_VARARGS, "As pail.car.scan_plainly."},
    {"mentioning", mentioning, METH_VARARGS, "As pail.car.mentioning_plainly."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "pail._scan", .m_size = -1, .m_methods = methods,
};

PyMODINIT_FUNC PyInit__scan(void)
{
    cid_type = (PyTypeObject *)imported("pail.cid", "CID");
    block_type = cid_type ? (PyTypeObject *)imported("pail.dag_cbor", "Block") : NULL;
    sha256 = block_type ? imported("hashlib", "sha256") : NULL;
    digest_name = sha256 ? PyUnicode_InternFromString("digest") : NULL;
    return digest_name ? PyModule_Create(&definition) : NULL;
}
