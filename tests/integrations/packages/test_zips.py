"""Zips of strangers: files, or one diagnostic; never more memory than a package may have."""

import io
import stat
import struct
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livery.integrations.packages.zips import ZipReader
from livery.manifest.package import MAX_FILES, PackageFile
from livery.manifest.tree import split_tree

SKILL = b"---\nname: x\ndescription: x\n---\n"


def zipped(write: Callable[[zipfile.ZipFile], object]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        write(archive)
    return buffer.getvalue()


def entry(name: str, mode: int = 0o644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def refused(data: bytes, says: str = "") -> None:
    files, (diagnostic,) = ZipReader().read_zip(data)
    assert files == ()
    assert diagnostic.code == "contract_invalid"
    assert diagnostic.remedy
    assert says in diagnostic.message, diagnostic.message


def test_a_folder_or_its_content() -> None:
    flat = zipped(lambda z: [z.writestr("SKILL.md", SKILL), z.writestr("scripts/a.py", b"1")])
    nested = zipped(
        lambda z: [
            z.mkdir("my-skill"),
            z.writestr("my-skill/SKILL.md", SKILL),
            z.writestr("my-skill/scripts/a.py", b"1"),
        ]
    )
    expected = (PackageFile("SKILL.md", SKILL), PackageFile("scripts/a.py", b"1"))
    assert ZipReader().read_zip(flat) == (expected, ())
    assert ZipReader().read_zip(nested) == (expected, ())


def test_the_executable_bit_is_kept() -> None:
    data = zipped(
        lambda z: [z.writestr(entry("SKILL.md"), SKILL), z.writestr(entry("run", 0o755), b"")]
    )
    files, _ = ZipReader().read_zip(data)
    assert [file.executable for file in files] == [False, True]


@pytest.mark.parametrize("data", [b"", b"x", b"PK\x03\x04", b"PK\x05\x06" + b"\0" * 18, SKILL])
def test_what_is_no_zip(data: bytes) -> None:
    refused(data)


def test_a_symlink() -> None:
    refused(
        zipped(lambda z: z.writestr(entry("SKILL.md", stat.S_IFLNK | 0o777), b"/etc/passwd")),
        "symlink",
    )


def test_too_many_files() -> None:
    refused(zipped(lambda z: [z.writestr(f"f{n}", b"") for n in range(MAX_FILES + 1)]), "more than")


def test_a_bomb() -> None:
    refused(zipped(lambda z: z.writestr("SKILL.md", b"\0" * (30 * 1024 * 1024))), "tightly")
    refused(
        zipped(lambda z: [z.writestr(f"f{n}", b"\0" * (1024 * 1024)) for n in range(200)]), "size"
    )


def test_a_bomb_that_lies_about_its_size() -> None:
    data = bytearray(zipped(lambda z: z.writestr("SKILL.md", b"\0" * (30 * 1024 * 1024))))
    true = struct.pack("<I", 30 * 1024 * 1024)
    assert data.count(true) == 2
    refused(bytes(data.replace(true, struct.pack("<I", 100))))


def test_encrypted() -> None:
    data = bytearray(zipped(lambda z: z.writestr("SKILL.md", SKILL)))
    local, central = data.index(b"PK\x03\x04"), data.index(b"PK\x01\x02")
    data[local + 6] |= 1
    data[central + 8] |= 1
    refused(bytes(data))


def test_an_unknown_compression() -> None:
    data = bytearray(zipped(lambda z: z.writestr("SKILL.md", SKILL)))
    local, central = data.index(b"PK\x03\x04"), data.index(b"PK\x01\x02")
    data[local + 8] = data[central + 10] = 99
    refused(bytes(data))


def test_a_wrong_checksum() -> None:
    def store(archive: zipfile.ZipFile) -> None:
        archive.writestr(entry("SKILL.md"), SKILL, zipfile.ZIP_STORED)

    refused(zipped(store).replace(b"name: x", b"name: y", 1))


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "C:\\x", "a\\..\\x"])
def test_paths_are_handed_on_as_they_are(name: str) -> None:
    # Nothing is written here; the manifest refuses such a path before anything is.
    from livery.manifest.package import parse_package

    data = zipped(lambda z: [z.writestr("SKILL.md", SKILL), z.writestr(entry(name), b"1")])
    files, _ = ZipReader().read_zip(data)
    made, diagnostics = parse_package(files)
    assert made is None
    assert diagnostics


GOOD = zipped(
    lambda z: [z.writestr("SKILL.md", SKILL * 20), z.writestr("scripts/a.py", b"x = 1\n" * 50)]
)


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=400) | st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)))
def test_any_bytes_give_files_or_a_diagnostic(given: bytes | tuple[int, int]) -> None:
    data = (
        given
        if isinstance(given, bytes)
        else bytes([*GOOD[: given[0]], given[1], *GOOD[given[0] + 1 :]])
    )
    files, diagnostics = ZipReader().read_zip(data)
    assert bool(files) != bool(diagnostics)


def test_a_member_without_a_name_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x", b"1")
    data = buffer.getvalue()
    # The name's length and the name, in the local header and in the directory.
    nameless = data.replace(b"\x01\x00\x00\x00x1", b"\x00\x00\x00\x001").replace(b"x1PK", b"1PK")
    files, diagnostics = ZipReader().read_zip(nameless)
    assert not files
    assert diagnostics


def test_only_packings_that_unfold_by_measure() -> None:
    for packing in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", packing) as archive:
            archive.writestr("SKILL.md", b"\0" * 1000)
        refused(buffer.getvalue(), "store or deflate")


def test_a_name_that_is_there_twice() -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        data = zipped(lambda z: [z.writestr("SKILL.md", SKILL), z.writestr("SKILL.md", b"other")])
    refused(data, "twice")


def test_names_that_differ_in_case_only_are_refused_by_the_manifest() -> None:
    from livery.manifest.package import parse_package

    data = zipped(lambda z: [z.writestr("SKILL.md", SKILL), z.writestr("skill.md", b"x")])
    files, _ = ZipReader().read_zip(data)
    made, (fault,) = parse_package(files)
    assert made is None
    assert "the same name to some systems" in fault.message


def test_special_files() -> None:
    for kind in (stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK):
        data = zipped(
            lambda z, kind=kind: [
                z.writestr("SKILL.md", SKILL),
                z.writestr(entry("x", kind | 0o644), b""),
            ]
        )
        refused(data, "no plain file")


def test_members_that_share_bytes() -> None:
    """The directory names one member many times under other names: each unfolds to the same bytes."""
    data = zipped(
        lambda z: [z.writestr("SKILL.md", SKILL), z.writestr("a", b"1"), z.writestr("b", b"2")]
    )
    first = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    second = data.index(b"PK\x01\x02", first + 1)
    # The offset of the third member's header becomes that of the second's; so does its name there.
    lied = bytearray(data)
    lied[second + 42 : second + 46] = lied[first + 42 : first + 46]
    refused(bytes(lied), "overlap")


def test_sizes_of_zip64_that_are_lies() -> None:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w") as archive,
        archive.open("SKILL.md", "w", force_zip64=True) as stream,
    ):
        stream.write(SKILL)
    data = bytearray(buffer.getvalue())
    central = data.index(b"PK\x01\x02")
    for offset, value in ((20, 2**31), (24, 2**31), (20, 0), (24, 3)):
        lied = bytearray(data)
        struct.pack_into("<I", lied, central + offset, value)
        files, diagnostics = ZipReader().read_zip(bytes(lied))
        assert bool(files) != bool(diagnostics)
        assert sum(len(file.data) for file in files) <= len(SKILL)


def test_a_directory_that_is_too_long_is_not_read() -> None:
    from livery.integrations.packages.zips import MANY, ONE

    data = zipped(lambda z: [z.writestr("SKILL.md", SKILL), z.writestr("x", b"")])
    _, (fault,) = ZipReader().read_zip(data + b"PK\x01\x02" * (ONE.directory + 1))
    tree = ZipReader().read_tree(data + b"PK\x01\x02" * (MANY.directory + 1))
    assert tree.fault is not None
    assert "members" in fault.message
    assert "members" in tree.fault.message
    assert (tree.files, tree.skills) == ((), ("SKILL.md",))


def test_a_tree_is_handed_on_with_its_links_marked() -> None:
    data = zipped(
        lambda z: [
            z.writestr("a/SKILL.md", SKILL),
            z.writestr(entry("b/link", stat.S_IFLNK | 0o777), b"/etc/passwd"),
        ]
    )
    tree = ZipReader().read_tree(data)
    assert (tree.fault, tree.bad) == (None, ())
    assert [(file.path, file.data, file.symlink) for file in tree.files] == [
        ("a/SKILL.md", SKILL, False),
        ("b/link", b"", True),
    ]


@pytest.mark.parametrize("name", ["../x", "b/../../x", "/etc/x", "b/" * 600 + "x"])
def test_a_bad_member_in_no_package_refuses_the_tree(name: str) -> None:
    data = zipped(lambda z: [z.writestr("a/SKILL.md", SKILL), z.writestr(entry(name), b"1")])
    tree = ZipReader().read_tree(data)
    assert (tree.files, tree.skills) == ((), ("a/SKILL.md",))
    assert tree.fault is not None


@pytest.mark.parametrize("name", ["a/../../x", "a/" * 600 + "x", "a/SKILL.md", "a/zeros", "a/pipe"])
@pytest.mark.filterwarnings("ignore:Duplicate")
def test_a_bad_member_of_a_package_is_its_fault_alone(name: str) -> None:
    member = entry(name, stat.S_IFIFO | 0o644 if name == "a/pipe" else 0o644)
    content = b"\0" * (60 * 2**20 if name == "a/zeros" else 1)
    data = zipped(
        lambda z: [
            z.writestr("a/SKILL.md", SKILL),
            z.writestr(member, content, zipfile.ZIP_DEFLATED),
            z.writestr("a/inner/SKILL.md", SKILL),
            z.writestr("b/SKILL.md", SKILL),
        ]
    )
    tree = ZipReader().read_tree(data)
    assert (tree.fault, [bad.path for bad in tree.bad]) == (None, [name])
    found = split_tree(tree.files, tree.bad)
    assert [(item.root, item.fault is None) for item in found] == [
        ("a", False), ("a/inner", True), ("b", True),
    ]  # fmt: skip
    assert found[0].fault is not None
    assert found[0].fault.file == name[2:122]


def test_the_skills_of_a_zip_with_a_broken_directory_are_named() -> None:
    data = zipped(lambda z: [z.writestr(f"{n}/SKILL.md", SKILL) for n in "abc"])
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    broken = data[:second] + b"XX" + data[second + 2 :]
    tree = ZipReader().read_tree(broken)
    assert tree.fault is not None
    assert tree.skills == ("a/SKILL.md", "c/SKILL.md")
    assert ZipReader().read_tree(data[:-22]).skills == ("a/SKILL.md", "b/SKILL.md", "c/SKILL.md")


def test_a_tree_is_bounded_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    from livery.integrations.packages import zips

    data = zipped(lambda z: [z.writestr(f"p{n}/SKILL.md", SKILL + b"x" * 1000) for n in range(20)])
    assert len(ZipReader().read_tree(data).files) == 20
    for bounds in (
        zips.Bounds(19, 10**6, 100),
        zips.Bounds(100, 20_000, 100),
        zips.Bounds(100, 10**6, 19),
    ):
        monkeypatch.setattr(zips, "MANY", bounds)
        tree = ZipReader().read_tree(data)
        assert tree.fault is not None
        assert (tree.files, tree.fault.code) == ((), "contract_invalid")
        assert sorted(tree.skills) == sorted(f"p{n}/SKILL.md" for n in range(20))


def test_what_a_mac_adds_is_left_out() -> None:
    data = zipped(
        lambda z: [z.writestr("my/SKILL.md", SKILL), z.writestr("__MACOSX/my/._SKILL.md", b"x")]
    )
    assert ZipReader().read_zip(data) == ((PackageFile("SKILL.md", SKILL),), ())
