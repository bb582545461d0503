"""The KEK in a file: made once, for its owner only, and clear words when it is not as it must be."""

import multiprocessing

import pytest

from penstock.ops.store.kms_file import FileKms
from penstock.schemas.errors import ConfigurationError, KeyUnavailableError, UnavailableError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "kek"


def test_wraps_and_unwraps_in_its_context_only(path):
    kms = FileKms(path, create=True)
    wrapped = kms.wrap(b"k" * 32, b"store key 1")
    assert FileKms(path, create=False).unwrap(wrapped, b"store key 1") == b"k" * 32
    assert b"k" * 8 not in wrapped
    for context, data in ((b"store key 2", wrapped), (b"store key 1", wrapped[:-1] + b"x"), (b"store key 1", b"")):
        with pytest.raises(KeyUnavailableError) as caught:
            kms.unwrap(data, context)
        assert "restore" in caught.value.remedy


def test_the_file_is_for_its_owner_and_is_made_once(path):
    FileKms(path, create=True)
    first = path.read_bytes()
    FileKms(path, create=True)
    assert path.read_bytes() == first
    assert len(first) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["kek"]


def _wrap(path, results):
    FileKms(path, create=True)
    results.put(path.read_bytes())


def test_processes_that_make_it_at_once_have_the_same(path):
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    workers = [context.Process(target=_wrap, args=(path, results)) for _ in range(8)]
    for worker in workers:
        worker.start()
    assert len({results.get(timeout=30) for _ in workers}) == 1
    for worker in workers:
        worker.join(30)


def test_a_missing_file_is_not_replaced_unasked(path):
    with pytest.raises(UnavailableError, match="cannot be read") as caught:
        FileKms(path, create=False)
    assert "restore" in caught.value.remedy
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_may_read_is_refused(path, mode):
    FileKms(path, create=True)
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match="others may read") as caught:
        FileKms(path, create=True)
    assert "chmod 600" in caught.value.remedy


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_file_of_another_size_is_refused(path, size):
    path.touch(mode=0o600)
    path.write_bytes(bytes(size))
    with pytest.raises(ConfigurationError, match=f"{size} bytes"):
        FileKms(path, create=True)


def test_health_says_when_the_file_is_gone_and_nothing_prints_the_key(path):
    kms = FileKms(path, create=True)
    assert kms.health() is None
    assert path.read_bytes().hex()[:8] not in repr(kms)
    path.unlink()
    assert "gone" in str(kms.health())


def test_it_says_what_it_is_for():
    assert "development" in str(FileKms.__doc__) + str(
        FileKms.__module__ and __import__(FileKms.__module__, fromlist=["x"]).__doc__
    )
