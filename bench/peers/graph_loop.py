"""HNSW of other libraries as peers, by their Python packages: the first argument says which. See lines.py.

    base FILE DIM METRIC        float32 vectors; metric l2 or cosine
    queries FILE
    build M EFCONSTRUCTION THREADS    seconds
    singles EF K COUNT          seconds of COUNT searches of one query each, on one thread
    batch EF K THREADS          seconds of one search with all queries
    answers EF K FILE           writes the int64 labels of all queries
    save FILE                   bytes on disk
    resident                    bytes of memory of this process
    about
"""
import os
import sys
import time

import numpy as np
from lines import serve


class Faiss:
    def __init__(self):
        import faiss

        self.faiss = faiss
        self.about = f"faiss-cpu {faiss.__version__}"

    def build(self, x, metric, m, ef, threads):
        self.faiss.omp_set_num_threads(threads)
        kind = self.faiss.METRIC_L2 if metric == "l2" else self.faiss.METRIC_INNER_PRODUCT
        self.index = self.faiss.IndexHNSWFlat(x.shape[1], m, kind)
        self.index.hnsw.efConstruction = ef
        self.index.add(x)

    def search(self, q, k, ef, threads):
        self.faiss.omp_set_num_threads(threads)
        self.index.hnsw.efSearch = ef
        return self.index.search(q, k)[1]

    def one(self, q, k):
        return self.index.search(q, k)[1]

    def save(self, file):
        self.faiss.write_index(self.index, file)


class Hnswlib:
    def __init__(self):
        from importlib.metadata import version

        import hnswlib

        self.hnswlib = hnswlib
        self.about = f"hnswlib {version('hnswlib')}"

    def build(self, x, metric, m, ef, threads):
        # Its M is half of what a node of the lowest level has, as with FAISS.
        self.index = self.hnswlib.Index(space="l2" if metric == "l2" else "ip", dim=x.shape[1])
        self.index.init_index(max_elements=len(x), M=m, ef_construction=ef)
        self.index.add_items(x, num_threads=threads)

    def search(self, q, k, ef, threads):
        self.index.set_ef(max(ef, k))
        return self.index.knn_query(q, k, num_threads=threads)[0].astype(np.int64)

    def one(self, q, k):
        return self.index.knn_query(q, k, num_threads=1)[0]

    def save(self, file):
        self.index.save_index(file)


class Usearch:
    def __init__(self):
        import usearch
        from usearch.index import Index

        self.make = Index
        self.about = f"usearch {usearch.__version__}"

    def build(self, x, metric, m, ef, threads):
        # Its connectivity is that of the upper levels and twice as much on the lowest, as with FAISS.
        self.index = self.make(ndim=x.shape[1], metric="l2sq" if metric == "l2" else "ip", dtype="f32", connectivity=m,
                               expansion_add=ef)
        self.index.add(np.arange(len(x)), x, threads=threads)

    def search(self, q, k, ef, threads):
        self.index.expansion_search = max(ef, k)
        return np.asarray(self.index.search(q, k, threads=threads).keys).astype(np.int64).reshape(len(q), k)

    def one(self, q, k):
        return self.index.search(q[0], k, threads=1).keys

    def save(self, file):
        self.index.save(file)


class Loop:
    def __init__(self, library):
        self.library = library

    def base(self, file, dim, metric):
        self.metric = metric
        self.x = np.fromfile(file, dtype=np.float32).reshape(-1, int(dim))
        return len(self.x)

    def load_queries(self, file):
        self.q = np.fromfile(file, dtype=np.float32).reshape(-1, self.x.shape[1])
        self.each = [self.q[i : i + 1] for i in range(len(self.q))]
        return len(self.q)

    def build(self, m, ef, threads):
        began = time.perf_counter()
        self.library.build(self.x, self.metric, int(m), int(ef), int(threads))
        return time.perf_counter() - began

    def singles(self, ef, k, count):
        k, count = int(k), int(count)
        self.library.search(self.q[:1], k, int(ef), 1)
        began = time.perf_counter()
        for i in range(count):
            self.library.one(self.each[i % len(self.each)], k)
        return time.perf_counter() - began

    def batch(self, ef, k, threads):
        began = time.perf_counter()
        self.library.search(self.q, int(k), int(ef), int(threads))
        return time.perf_counter() - began

    def answers(self, ef, k, file):
        np.ascontiguousarray(self.library.search(self.q, int(k), int(ef), 1)).tofile(file)
        return file

    def save(self, file):
        self.library.save(file)
        return os.path.getsize(file)

    def resident(self):
        with open("/proc/self/status", encoding="utf8") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))

    def about(self):
        return self.library.about


loop = Loop({"faiss": Faiss, "hnswlib": Hnswlib, "usearch": Usearch}[sys.argv[1]]())
serve(
    {
        "base": loop.base,
        "queries": loop.load_queries,
        "build": loop.build,
        "singles": loop.singles,
        "batch": loop.batch,
        "answers": loop.answers,
        "save": loop.save,
        "resident": loop.resident,
        "about": loop.about,
    }
)
