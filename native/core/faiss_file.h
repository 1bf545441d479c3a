// Plain FAISS files and buffers, both ways: what Python's faiss.write_index wrote, and what it can read.
#pragma once

#include <memory>
#include <string>

#include "core/body.h"
#include "core/factory.h"
#include "core/file.h"
#include "core/ticket.h"

namespace quiver {

// Reads an index that FAISS wrote. Ids come from an IndexIDMap around it or from IVF lists; else rows count from 0.
// Hostile files crash FAISS: load them in a process that may die first (lib/import.ts does).
// Without `bigint_ids` they must be safe integers. Throws E_CORRUPT, E_EXISTS, E_NOT_FINITE, E_RANGE or E_UNSUPPORTED.
Body read_faiss(std::shared_ptr<Region> region, const std::string& name, bool bigint_ids);
// E_ARGUMENT when vectors that were read are not of length 1, as those of `cosine` must be. Looks at whole vectors
// only: codes keep no exact length.
void check_unit_length(const Body& body, const std::string& name);
std::shared_ptr<Region> read_region(const std::string& path, const Ticket& ticket);

// Writes the index so that plain FAISS reads it: explicit ids become an IndexIDMap2. No row may be dead.
void write_faiss(const Body& body, Sink& sink, const Ticket& ticket);

// The metric of an index that carries no name for it: `cosine` cannot be told from `ip`.
Metric metric_of(const faiss::Index* index);

}  // namespace quiver
