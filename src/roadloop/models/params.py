"""Read and write MXNet's NDArray container, the `.params` file.

The layout (little endian): u64 0x112, u64 0, u64 n, then n arrays; u64 k names (0 or n), each u64 length and UTF-8
bytes; nothing after. An array begins with a u32:

* 0xF993FAC9 (V2, what MXNet 1.x writes): i32 storage (0 dense; sparse arrays, 1 and 2, are refused), the shape, i32
  device type, i32 device id, i32 type flag, raw data in C order. A shape is i32 ndim, ndim x i64 dims.
* 0xF993FACA (V3, NumPy shapes): as V2; no dimensions mean one value.
* 0xF993FAC8 (V1): shape, device, type flag, data.
* anything else (before V1): the word is ndim itself, and the dims are u32.

After a shape that says "none" nothing of that array follows. Nothing from a file is trusted: every count is held
against the bytes that are left before anything is allocated. Source: src/ndarray/ndarray.cc of MXNet 1.9.1.
"""

import struct
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import BrokenFileError, InvalidValueError, Text, many

LIST_MAGIC: Final = 0x112
V1_MAGIC: Final = 0xF993FAC8
V2_MAGIC: Final = 0xF993FAC9
V3_MAGIC: Final = 0xF993FACA
MAX_ARRAYS: Final = 2**20
MAX_DIMS: Final = 32
#: MXNet's type flags.
TYPES: Final[Mapping[int, np.dtype[Any]]] = {
    flag: np.dtype(name)
    for flag, name in enumerate(("<f4", "<f8", "<f2", "u1", "<i4", "i1", "<i8", "?", "<i2", "<u2", "<u4", "<u8"))
}
_BFLOAT16: Final = 12  # read as float32
_CPU: Final = 1
_DEVICES: Final = {1, 2, 3, 5}  # cpu, gpu, cpu pinned, cpu shared

Arrays = dict[str, NDArray[Any]]
_Shape = tuple[int, ...]


def write_params(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Encode named arrays as a `.params` file, byte for byte as MXNet 1.9 does.

    Args:
        arrays: Name -> array of 1 to 32 dimensions, none of them 0.

    Returns:
        The file's bytes.

    Raises:
        InvalidValueError: An array without dimensions or elements, or of a type that the format lacks.
    """
    parts = [struct.pack("<QQQ", LIST_MAGIC, 0, len(arrays))]
    for name, array in arrays.items():
        parts += [_array_header(name, array), np.ascontiguousarray(array, _little(array.dtype)).tobytes()]
    parts.append(struct.pack("<Q", len(arrays)))
    for name in arrays:
        encoded = name.encode()
        parts += [struct.pack("<Q", len(encoded)), encoded]
    return b"".join(parts)


def read_params(data: bytes) -> Arrays:
    """Decode a `.params` file of any layout.

    Args:
        data: The file's bytes.

    Returns:
        Name -> array, in the file's order; bfloat16 is float32 here. A file without names gives "0", "1", ... An array
        that MXNet saved without a shape is empty.

    Raises:
        BrokenFileError: It is not such a file, is truncated, or has sparse arrays.
    """
    reader = _Reader(data)
    magic, reserved, count = reader.unpack("QQQ", "the header")
    if magic != LIST_MAGIC or reserved != 0:
        raise _broken("it does not begin as an MXNet NDArray list", "文件开头不是 MXNet NDArray 列表")
    if count > min(MAX_ARRAYS, reader.left // 4):
        raise _broken(
            f"it claims {many(count, 'array')}, more than its {len(data)} bytes can hold",
            f"文件声称有 {count} 个数组，超过其 {len(data)} 字节所能容纳",
        )
    arrays = [_read_array(reader, index) for index in range(count)]
    (named,) = reader.unpack("Q", "the number of names")
    if named not in {0, count}:
        raise _broken(f"{many(count, 'array has', 'arrays have')} {named} names", f"{count} 个数组却有 {named} 个名称")
    names = [_read_name(reader) for _ in range(named)] if named else [str(i) for i in range(count)]
    if reader.left:
        raise _broken(f"{reader.left} bytes follow the end", f"结尾之后还有 {reader.left} 字节")
    if len(set(names)) != len(names):
        raise _broken("two arrays have one name", "有两个数组同名")
    return dict(zip(names, arrays, strict=True))


class _Reader:
    """A position in bytes that never reads past their end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._data) - self._at

    def take(self, size: int, what: str) -> memoryview:
        """The next `size` bytes."""
        if size > self.left:
            raise _broken(f"it ends within {what}", f"文件在 {what} 处中断")
        self._at += size
        return memoryview(self._data)[self._at - size : self._at]

    def unpack(self, layout: str, what: str) -> tuple[int, ...]:
        """The next integers, little endian."""
        return struct.unpack("<" + layout, self.take(struct.calcsize("<" + layout), what))


def _read_array(reader: _Reader, index: int) -> NDArray[Any]:
    what = f"array {index}"
    (magic,) = reader.unpack("I", what)
    if magic in {V2_MAGIC, V3_MAGIC}:
        (storage,) = reader.unpack("i", what)
        if storage:
            raise _broken(
                f"{what} is sparse (storage type {storage}); save it dense",
                f"{what} 是稀疏的（存储类型 {storage}），请存为稠密数组",
            )
    if magic in {V1_MAGIC, V2_MAGIC, V3_MAGIC}:
        shape = _read_shape(reader, what, numpy_shapes=magic == V3_MAGIC)
    else:
        shape = _read_dims(reader, magic, "I", what) if magic else None
    if shape is None:
        return np.zeros(0, np.float32)
    return _read_values(reader, shape, _read_type(reader, what), what)


def _read_shape(reader: _Reader, what: str, *, numpy_shapes: bool) -> _Shape | None:
    """A shape, or nothing where it says that there is no array."""
    (ndim,) = reader.unpack("i", what)
    none = -1 if numpy_shapes else 0
    if ndim == none:
        return None
    shape = _read_dims(reader, ndim, "q", what)
    return None if numpy_shapes and -1 in shape else shape


def _read_dims(reader: _Reader, ndim: int, layout: str, what: str) -> _Shape:
    if not 0 <= ndim <= MAX_DIMS:
        raise _broken(f"{what} has {many(ndim, 'dimension')}", f"{what} 有 {ndim} 个维度")
    return reader.unpack(f"{ndim}{layout}", what)


def _read_type(reader: _Reader, what: str) -> int:
    place, _, flag = reader.unpack("iii", what)
    if place not in _DEVICES or not (flag in TYPES or flag == _BFLOAT16):
        raise _broken(f"{what} has device {place} and type {flag}", f"{what} 的设备为 {place}、类型为 {flag}")
    return flag


def _read_values(reader: _Reader, shape: _Shape, flag: int, what: str) -> NDArray[Any]:
    dtype = TYPES.get(flag, np.dtype("<u2"))
    size = _size(shape, reader.left, what) * dtype.itemsize
    values = np.frombuffer(reader.take(size, what), dtype)
    if dtype.kind == "b" and (values.view(np.uint8) > 1).any():
        raise _broken(f"{what} has booleans other than 0 and 1", f"{what} 含有 0 与 1 之外的布尔值")
    if flag == _BFLOAT16:
        return (values.astype("<u4") << 16).view("<f4").reshape(shape)
    return values.reshape(shape).copy()


def _size(shape: _Shape, limit: int, what: str) -> int:
    """The number of elements, given up as soon as it passes `limit`, so that it stays small."""
    size = 1
    for dim in shape:
        if dim < 0 or (size := size * max(dim, 1)) > max(limit, 1):
            raise _broken(f"{what} has the shape {list(shape)}", f"{what} 的形状为 {list(shape)}")
    return 0 if 0 in shape else size


def _read_name(reader: _Reader) -> str:
    (length,) = reader.unpack("Q", "a name")
    try:
        name = str(reader.take(length, "a name"), "utf-8")
    except UnicodeDecodeError as error:
        raise _broken("a name is not UTF-8", "有名称不是 UTF-8") from error
    if "\0" in name:
        raise _broken("a name holds a NUL", "有名称含有 NUL 字符")
    return name


def _array_header(name: str, array: NDArray[Any]) -> bytes:
    flags = [flag for flag, dtype in TYPES.items() if dtype == _little(array.dtype)]
    if not flags or array.ndim == 0 or array.ndim > MAX_DIMS or array.size == 0:
        what = f"{name} ({array.dtype} {list(array.shape)})"
        raise InvalidValueError(Text(f".params 无法保存 {what}。", f"A .params file cannot hold {what}."), name=name)
    return struct.pack(f"<Iii{array.ndim}qiii", V2_MAGIC, 0, array.ndim, *array.shape, _CPU, 0, flags[0])


def _little(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return dtype.newbyteorder("<")


def _broken(en: str, zh: str) -> BrokenFileError:
    return BrokenFileError(Text(f"不是完整有效的 .params 文件：{zh}。", f"Not a whole, valid .params file: {en}."))
