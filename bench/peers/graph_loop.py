"""HNSW of other libraries as peers, by their Python packages: the first argument says which. See lines.py.

    space DIM METRIC            l2 or cosine (of vectors of length 1)
    base FILE                   float32 vectors
    queries FILE
    build M EFCONSTRUCTION THREADS    seconds
    singles EF K COUNT          seconds of COUNT searches of one query each, on one thread
    waits EF K COUNT            p50 and p99 of such searches in ms, as JSON
    batch EF K THREADS          seconds of one search with all queries
    answers EF K FILE           writes the int64 labels of all queries
    filter FILE HOW             what may be found, one bit an id; HOW is graph, exact (all that may be found is compared) or none
    exact HOW                   yes or no: from then on all vectors are compared (faiss)
    save FILE                   bytes on disk
    open FILE                   seconds
    first EF K                  ms of the first query
    resident                    bytes of memory of this process
    about
"""
import json
import os
import sys
import time

import numpy as np
from lines import serve


class Faiss:
    def __init__(self):
        import faiss

        self.faiss = faiss
        level = faiss.SIMDConfig.get_level_name() if hasattr(faiss, "SIMDConfig") else "as it comes"
        self.about = f"faiss-cpu {faiss.__version__} ({level})"
        self.selector = None
        self.exact = False

    def build(self, x, metric, m, ef, threads):
        self.faiss.omp_set_num_threads(threads)
        kind = self.faiss.METRIC_L2 if metric == "l2" else self.faiss.METRIC_INNER_PRODUCT
        self.index = self.faiss.IndexHNSWFlat(x.shape[1], m, kind)
        self.index.hnsw.efConstruction = ef
        self.index.add(x)

    def filter(self, bits, how):
        self.bits = bits
        self.selector = None if how == "none" else self.faiss.IDSelectorBitmap(bits)
        self.exact = how == "exact"

    def set(self, k, ef, threads):
        self.faiss.omp_set_num_threads(threads)
        self.index.hnsw.efSearch = ef
        self.searched, self.params = self.index, None
        if self.exact:
            self.searched = self.index.storage
            self.params = self.selector and self.faiss.SearchParameters(sel=self.selector)
        elif self.selector is not None:
            self.params = self.faiss.SearchParametersHNSW(efSearch=ef, sel=self.selector)

    def all(self, q, k, threads):
        return self.searched.search(q, k, params=self.params)[1]

    def one(self, q, k):
        return self.searched.search(q, k, params=self.params)[1]

    def save(self, file):
        self.faiss.write_index(self.index, file)

    def open(self, file, dim, metric):
        self.index = self.faiss.read_index(file)


class Hnswlib:
    def __init__(self):
        from importlib.metadata import version

        import hnswlib

        self.hnswlib = hnswlib
        self.about = f"hnswlib {version('hnswlib')}"

    def make(self, dim, metric):
        return self.hnswlib.Index(space="l2" if metric == "l2" else "ip", dim=dim)

    def build(self, x, metric, m, ef, threads):
        # Its M is half of what a node of the lowest level has, as with FAISS.
        self.index = self.make(x.shape[1], metric)
        self.index.init_index(max_elements=len(x), M=m, ef_construction=ef)
        self.index.add_items(x, num_threads=threads)

    def set(self, k, ef, threads):
        self.index.set_ef(max(ef, k))

    def all(self, q, k, threads):
        return self.index.knn_query(q, k, num_threads=threads)[0].astype(np.int64)

    def one(self, q, k):
        return self.index.knn_query(q, k, num_threads=1)[0]

    def save(self, file):
        self.index.save_index(file)

    def open(self, file, dim, metric):
        self.index = self.make(dim, metric)
        self.index.load_index(file)


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

    def set(self, k, ef, threads):
        self.index.expansion_search = max(ef, k)

    def all(self, q, k, threads):
        return np.asarray(self.index.search(q, k, threads=threads).keys).astype(np.int64).reshape(len(q), k)

    def one(self, q, k):
        return self.index.search(q[0], k, threads=1).keys

    def save(self, file):
        self.index.save(file)

    def open(self, file, dim, metric):
        self.index = self.make.restore(file)


class Loop:
    def __init__(self, library):
        self.library = library

    def space(self, dim, metric):
        self.dim, self.metric = int(dim), metric

    def base(self, file):
        self.x = np.fromfile(file, dtype=np.float32).reshape(-1, self.dim)
        return len(self.x)

    def queries(self, file):
        self.q = np.fromfile(file, dtype=np.float32).reshape(-1, self.dim)
        self.each = [self.q[i : i + 1] for i in range(len(self.q))]
        return len(self.q)

    def build(self, m, ef, threads):
        began = time.perf_counter()
        self.library.build(self.x, self.metric, int(m), int(ef), int(threads))
        return time.perf_counter() - began

    def singles(self, ef, k, count):
        k, count = int(k), int(count)
        self.library.set(k, int(ef), 1)
        self.library.one(self.each[0], k)
        began = time.perf_counter()
        for i in range(count):
            self.library.one(self.each[i % len(self.each)], k)
        return time.perf_counter() - began

    def waits(self, ef, k, count):
        k, count = int(k), int(count)
        self.library.set(k, int(ef), 1)
        waits = np.empty(count)
        for i in range(count):
            began = time.perf_counter()
            self.library.one(self.each[i % len(self.each)], k)
            waits[i] = time.perf_counter() - began
        p50, p99 = np.percentile(waits * 1000, [50, 99], method="inverted_cdf")
        return json.dumps({"p50": p50, "p99": p99})

    def batch(self, ef, k, threads):
        self.library.set(int(k), int(ef), int(threads))
        began = time.perf_counter()
        self.library.all(self.q, int(k), int(threads))
        return time.perf_counter() - began

    def answers(self, ef, k, file):
        self.library.set(int(k), int(ef), 1)
        np.ascontiguousarray(self.library.all(self.q, int(k), 1)).tofile(file)
        return file

    def filter(self, file, how):
        self.library.filter(np.fromfile(file, dtype=np.uint8), how)

    def exact(self, how):
        self.library.selector, self.library.exact = None, how == "yes"

    def save(self, file):
        self.library.save(file)
        return os.path.getsize(file)

    def open(self, file):
        began = time.perf_counter()
        self.library.open(file, self.dim, self.metric)
        return time.perf_counter() - began

    def first(self, ef, k):
        began = time.perf_counter()
        self.library.set(int(k), int(ef), 1)
        self.library.one(self.each[0], int(k))
        return (time.perf_counter() - began) * 1000

    def resident(self):
        with open("/proc/self/status", encoding="utf8") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))

    def about(self):
        return self.library.about


loop = Loop({"faiss": Faiss, "hnswlib": Hnswlib, "usearch": Usearch}[sys.argv[1]]())
COMMANDS = "space base queries build singles waits batch answers filter exact save open first resident about".split()
serve({name: getattr(loop, name) for name in COMMANDS})
