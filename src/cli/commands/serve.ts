import type { Command } from 'commander';
import { integer, number } from '../arguments.js';
import type { Context } from '../context.js';

export interface ServeCommandOptions {
  port: number;
  host: string;
  model?: string;
  llm?: string;
  llmUrl?: string;
  fallback?: boolean;
  redis?: string;
  answerCache: boolean;
  deadline?: number;
  concurrency?: number;
  rateLimit?: number;
  cors?: string[];
  page: boolean;
  keepMissing?: boolean;
  log: string;
}

export function registerServe(parent: Command, context: Context): void {
  parent
    .command('serve')
    .description('answer questions over HTTP, with a page to ask them and to drop files on')
    .argument('[collection]', 'a name, a collection, or a folder of documents, which are read first', 'documents')
    .option('-p, --port <n>', 'port; 0: any that is free', integer('--port', 0, 65_535), 7700)
    .option('--host <address>', 'address to listen on; beyond this machine QUIVER_API_KEY must be set', '127.0.0.1')
    .option('-m, --model <model>', 'for a new collection: the model that embeds, by name or folder, or openai:<model>')
    .option('--llm <model>', 'let a language model answer (default: QUIVER_LLM_MODEL, else sentences of the documents)')
    .option('--llm-url <url>', 'where it is: an OpenAI-compatible base URL (default: QUIVER_LLM_BASE_URL)')
    .option('--fallback', 'answer with sentences of the documents when the language model fails')
    .option('--redis <url>', 'remember answers in Redis too; QUIVER_CACHE_SECRET must be set')
    .option('--no-answer-cache', 'answer every question anew')
    .option('--deadline <s>', 'seconds that a question may take (default: 30)', number('--deadline', 0.001, 3600))
    .option('--concurrency <n>', 'questions worked on at a time (default: 8)', integer('--concurrency', 1, 1024))
    .option('--rate-limit <n>', 'requests of one client a minute (default: 600)', integer('--rate-limit', 1, 1_000_000))
    .option('--cors <origins...>', 'origins whose pages may call the API')
    .option('--no-page', 'the API alone')
    .option('--keep-missing', 'keep documents of a folder whose file is no longer there')
    .option('--log <level>', 'debug, info, warn, error or none', 'warn')
    .addHelpText(
      'after',
      `
Examples:
  quiver serve ./my-docs                              reads the folder, then opens http://127.0.0.1:7700
  quiver serve notes --llm llama3.2 --llm-url http://127.0.0.1:11434/v1
  QUIVER_API_KEY=$(openssl rand -hex 24) quiver serve notes --host 0.0.0.0`,
    )
    .action(async (collection: string, options: ServeCommandOptions) => {
      const { serveCollection } = await import('../serve/serve.js');
      await serveCollection(context, collection, options);
    });
}
