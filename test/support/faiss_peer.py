"""Python FAISS beside the tests: reads commands from stdin, words divided by tabs, and answers each with one line.

    make SPEC FILE               builds an index and writes it with faiss.write_index
    search SPEC FILE OUT         reads an index, searches it, writes int64 labels to OUT.ids, float32 distances to OUT.distances
    about                        FAISS's version

SPEC is JSON: data, queries and ids name files of plain numbers; see the functions for the rest.
"""
import json
import os
import sys

import faiss
import numpy as np

# What reads the lines is the same for the peers of the benchmarks.
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "bench", "peers"))
from lines import serve  # noqa: E402


def floats(spec, name):
    return np.fromfile(spec[name], dtype=np.float32).reshape(-1, spec["dim"])


def inner(index):
    """The lists or the graph behind maps of ids, transforms and refinement."""
    index = faiss.downcast_index(index)
    for name in ("index", "base_index"):
        if hasattr(index, name):
            return inner(getattr(index, name))
    return index


def make(spec, file):
    """dim, factory, metric; ids: they go along; remove: so many of the first are taken out; map: the direct map."""
    spec = json.loads(spec)
    data = floats(spec, "data")
    index = faiss.index_factory(spec["dim"], spec["factory"], getattr(faiss, "METRIC_" + spec["metric"]))
    index.train(data)
    if "ids" in spec:
        ids = np.fromfile(spec["ids"], dtype=np.int64)
        if "map" in spec:
            inner(index).set_direct_map_type(getattr(faiss.DirectMap, spec["map"]))
        index.add_with_ids(data, ids)
        if "remove" in spec:
            index.remove_ids(faiss.IDSelectorBatch(ids[: spec["remove"]]))
    else:
        index.add(data)
        if "map" in spec:
            inner(index).make_direct_map()
    faiss.write_index(index, file)
    return index.ntotal


def search(spec, file, out):
    """dim, k; efSearch, nprobe: set before the search; normalize: cosine is an inner product of unit vectors."""
    spec = json.loads(spec)
    index = faiss.read_index(file)
    for name in ("nprobe", "efSearch"):
        if name in spec:
            part = inner(index)
            setattr(part.hnsw if name == "efSearch" else part, name, spec[name])
    queries = floats(spec, "queries")
    if spec.get("normalize"):
        faiss.normalize_L2(queries)
    # One at a time: batches of 20 and more go through BLAS, whose distances differ in the last digits.
    found = [index.search(queries[i : i + 1], spec["k"]) for i in range(len(queries))]
    np.concatenate([labels for _, labels in found]).astype(np.int64).tofile(out + ".ids")
    np.concatenate([distances for distances, _ in found]).astype(np.float32).tofile(out + ".distances")
    return json.dumps({"ntotal": index.ntotal, "d": index.d, "trained": bool(index.is_trained)})


serve({"make": make, "search": search, "about": lambda: faiss.__version__})
