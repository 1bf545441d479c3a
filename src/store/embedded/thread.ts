/** Entry of the store's threads: `workerData` says whether this one writes, reads or copies. */
import { workerData } from 'node:worker_threads';
import { databasePath } from './layout.js';
import { openMaintenance, type MaintenanceData } from './maintenance.js';
import { openReader, type ReaderData } from './reader.js';
import { serve, type Handlers } from '../../thread/rpc.js';
import { fromSqlite } from './sqlite-error.js';
import { openWriter, type WriterData } from './writer.js';

export type ThreadData = WriterData | ReaderData | MaintenanceData;

const data = workerData as ThreadData;
const path = databasePath(data.folder);

function open(): Handlers {
  if (data.role === 'writer') return openWriter(data).handlers as unknown as Handlers;
  if (data.role === 'reader') return openReader(data).handlers as unknown as Handlers;
  return openMaintenance(data) as unknown as Handlers;
}

serve(open, (error) => fromSqlite(error, path));
