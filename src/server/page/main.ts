/** The page: ask, bring documents, watch. */
import { startAsking } from './ask.js';
import { startDocuments } from './documents.js';
import { startOperation } from './operation.js';

startAsking();
startDocuments();
startOperation();
