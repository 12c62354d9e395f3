"""One thread within, as many as before without."""

from threadpoolctl import threadpool_info

from mien.runtime.blas import on_one_thread


def threads() -> list[int]:
    return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]


def test_linear_algebra_runs_on_one_thread_within_and_as_before_after() -> None:
    before = threads()
    within = on_one_thread(threads)()
    assert within
    assert set(within) == {1}
    assert threads() == before
