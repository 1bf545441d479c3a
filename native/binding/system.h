// What the addon is and runs on: versions, BLAS, threads, and the settings of the whole process.
#pragma once

#include <napi.h>

namespace quiver {

void define_system(Napi::Env env, Napi::Object exports);

}  // namespace quiver
