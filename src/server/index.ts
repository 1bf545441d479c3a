/** The public face of `faiss-quiver/server`. This file only exports. */
export { quiver, quiver as default } from './api.js';
export type { ApiOptions } from './options.js';
export { serve, type ServeOptions, type Server } from './serve.js';
