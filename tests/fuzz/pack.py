"""pack.py pack FILE DIR: the inputs of a directory as one file, shortest first; pack.py unpack FILE DIR: back again."""
import hashlib
import pathlib
import struct
import sys

what, pack, directory = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
directory.mkdir(parents=True, exist_ok=True)
if what == 'pack':
    inputs = sorted({path.read_bytes() for path in directory.iterdir()}, key=lambda data: (len(data), data))
    pack.write_bytes(b''.join(struct.pack('>I', len(data)) + data for data in inputs))
elif pack.exists():
    data, at = pack.read_bytes(), 0
    while at < len(data):
        size, = struct.unpack_from('>I', data, at)
        one = data[at + 4:at + 4 + size]
        (directory / hashlib.sha1(one).hexdigest()).write_bytes(one)
        at += 4 + size
