"""Python FAISS as a peer: reads commands from stdin, words divided by tabs, and answers each with one line.

    base FILE DIM METRIC       a flat index over float32 vectors; metric l2 or cosine (of vectors of length 1)
    queries FILE DIM           float32 queries
    threads N                  OpenMP threads of what follows
    search BATCH K CALLS       seconds of CALLS calls with BATCH queries each, taken in turn
    answers N K FILE           writes the int64 labels of the first N queries
    about                      version, FAISS's options, the kernel of the OpenBLAS that the wheel brings
"""
import ctypes
import time

import faiss
import numpy as np
from lines import serve


def openblas_kernel():
    """What the loaded OpenBLAS chose, or 'unknown' where its library cannot be found."""
    with open("/proc/self/maps", encoding="utf8") as maps:
        paths = {line.split()[-1] for line in maps if "openblas" in line and "faiss" in line}
    for path in paths:
        library = ctypes.CDLL(path)
        for name in ("openblas_get_corename", "openblas_get_corename64_"):
            function = getattr(library, name, None)
            if function is not None:
                function.restype = ctypes.c_char_p
                return function().decode()
    return "unknown"


class Loop:
    index = None
    queries = None

    def base(self, file, dim, metric):
        vectors = np.fromfile(file, dtype=np.float32).reshape(-1, int(dim))
        self.index = faiss.IndexFlatL2(int(dim)) if metric == "l2" else faiss.IndexFlatIP(int(dim))
        self.index.add(vectors)
        return self.index.ntotal

    def load_queries(self, file, dim):
        self.queries = np.fromfile(file, dtype=np.float32).reshape(-1, int(dim))
        return len(self.queries)

    def threads(self, count):
        faiss.omp_set_num_threads(int(count))
        return faiss.omp_get_max_threads()

    def search(self, batch, k, calls):
        batch, k = int(batch), int(k)
        starts = len(self.queries) // batch
        batches = [self.queries[i * batch : (i + 1) * batch] for i in range(starts)]
        began = time.perf_counter()
        for call in range(int(calls)):
            self.index.search(batches[call % starts], k)
        return time.perf_counter() - began

    def answers(self, n, k, file):
        _, labels = self.index.search(self.queries[: int(n)], int(k))
        labels.astype(np.int64).tofile(file)
        return file

    def about(self):
        return f"faiss {faiss.__version__} {faiss.get_compile_options().strip()}, BLAS kernel {openblas_kernel()}"


loop = Loop()
serve(
    {
        "base": loop.base,
        "queries": loop.load_queries,
        "threads": loop.threads,
        "search": loop.search,
        "answers": loop.answers,
        "about": loop.about,
    }
)
