"""A Python pipeline of onnxruntime and tokenizers as a peer: reads commands from stdin, words divided by tabs, and answers
each with one line.

    model FOLDER THREADS MOST    a sentence-transformers folder, threads of the session, tokens of a text at most
    texts FILE                   a JSON array of texts
    embed BATCH                  seconds to embed all of them, sorted by length, BATCH at a time
    vectors FILE                 writes the float32 vectors of the last embed, in the order of the texts
    about                        versions
"""
import glob
import json
import os
import time

import numpy as np
import onnxruntime
import tokenizers
from lines import serve


class Loop:
    def model(self, folder, threads, most):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(threads)
        options.inter_op_num_threads = 1
        file = sorted(glob.glob(os.path.join(folder, "**", "*.onnx"), recursive=True))[0]
        self.session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self.inputs = {one.name for one in self.session.get_inputs()}
        self.tokenizer = tokenizers.Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
        self.tokenizer.enable_truncation(int(most))
        self.tokenizer.enable_padding()  # to the longest of its batch
        return os.path.basename(file)

    def texts(self, file):
        with open(file, encoding="utf8") as opened:
            self.all = json.load(opened)
        return len(self.all)

    def embed(self, batch):
        batch = int(batch)
        began = time.perf_counter()
        order = sorted(range(len(self.all)), key=lambda i: -len(self.all[i]))
        found = None
        for start in range(0, len(order), batch):
            at = order[start : start + batch]
            encoded = self.tokenizer.encode_batch([self.all[i] for i in at])
            mask = np.array([one.attention_mask for one in encoded], dtype=np.int64)
            feeds = {"input_ids": np.array([one.ids for one in encoded], dtype=np.int64), "attention_mask": mask}
            if "token_type_ids" in self.inputs:
                feeds["token_type_ids"] = np.zeros_like(mask)
            hidden = self.session.run(None, feeds)[0]
            weights = mask[:, :, None].astype(np.float32)
            pooled = (hidden * weights).sum(1) / np.maximum(weights.sum(1), 1e-9)
            pooled /= np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12)
            if found is None:
                found = np.empty((len(order), pooled.shape[1]), dtype=np.float32)
            found[at] = pooled
        self.last = found
        return time.perf_counter() - began

    def vectors(self, file):
        self.last.tofile(file)
        return file

    def about(self):
        return f"onnxruntime {onnxruntime.__version__}, tokenizers {tokenizers.__version__}"


loop = Loop()
serve(
    {
        "model": loop.model,
        "texts": loop.texts,
        "embed": loop.embed,
        "vectors": loop.vectors,
        "about": loop.about,
    }
)
