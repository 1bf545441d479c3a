/** Prints the folder that holds the fashion-mnist data set, after fetching it when this machine has none. */
import { fashionMnist } from './lib/datasets.mjs';
import { runMain } from './lib/errors.mjs';

await runMain(async () => {
  process.stdout.write(`${await fashionMnist()}\n`);
});
