// Training of a FAISS index, so that it keeps quiet, can be cancelled, and can be done again.
#pragma once

#include <faiss/Index.h>

#include <cstdint>

#include "core/ticket.h"

namespace quiver {

// Turns off what FAISS does in training that a service does not want: printing, and polysemous training of PQ.
void calm_training(faiss::Index* index);

// index.train, ended early when the ticket is cancelled.
void train_index(faiss::Index& index, int64_t n, const float* x, const Ticket& ticket);

// Makes an empty index forget what it has learnt: FAISS leaves alone what it takes for trained, so training an index
// twice would change nothing. A training that fails afterwards leaves an untrained index, not half an old one.
void forget_training(faiss::Index* index);

}  // namespace quiver
