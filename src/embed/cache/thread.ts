/** Entry of the cache's thread. */
import { workerData } from 'node:worker_threads';
import { QuiverError } from '../../../lib/errors.js';
import { serve, type Handlers } from '../../thread/rpc.js';
import { Keeper } from './keeper.js';
import type { CacheData } from './messages.js';

serve(
  () => new Keeper(workerData as CacheData).calls as unknown as Handlers,
  (error) => new QuiverError('E_INTERNAL', error instanceof Error ? error.message : String(error)),
);
