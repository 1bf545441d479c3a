/** The question, the answer as it comes, and the passages it stands on. */
import type { QueryMetadata, QuerySource, StreamEvent } from '../../engine/types.js';
import { events } from './client.js';
import { byId, count, make, seconds } from './dom.js';

const form = byId('ask-form', HTMLFormElement);
const question = byId('question', HTMLInputElement);
const stop = byId('stop');
const status = byId('status');
const failure = byId('failure');
const result = byId('result');
const answer = byId('answer');
const note = byId('note');
const timing = byId('timing');
const sources = byId('sources');

let running: AbortController | undefined;

/** Citations become links to their sources. */
function withCitations(text: string): Node[] {
  return text.split(/(\[\d+(?:\s*,\s*\d+)*\])/).map((part) => {
    const numbers = /^\[(\d+(?:\s*,\s*\d+)*)\]$/.exec(part)?.[1]?.split(/\s*,\s*/);
    if (numbers === undefined) return document.createTextNode(part);
    const links = numbers.map((number) =>
      make('a', { class: 'cite', href: `#source-${number}`, 'aria-label': `Source ${number}` }, number),
    );
    return make('span', {}, ...links);
  });
}

function marked({ snippet, marks }: QuerySource): Node[] {
  const nodes: Node[] = [];
  let at = 0;
  for (const [from, to] of marks) {
    nodes.push(document.createTextNode(snippet.slice(at, from)), make('mark', {}, snippet.slice(from, to)));
    at = to;
  }
  return [...nodes, document.createTextNode(snippet.slice(at))];
}

function sourceItem(source: QuerySource): HTMLElement {
  const { number, file_name: file, document_id: id, page, title, relevance_score: score } = source;
  const place = [
    ...(page === undefined ? [] : [`page ${page}`]),
    ...(title !== undefined && title !== file ? [title] : []),
    `${Math.round(score * 100)} %`,
  ].join(' · ');
  return make(
    'li',
    { id: `source-${number}`, tabindex: '-1' },
    make('span', { class: 'number' }, String(number)),
    make('span', { class: 'name', title: id }, file, make('span', { class: 'place' }, place)),
    make('span', { class: 'snippet' }, ...marked(source)),
  );
}

function showMetadata(data: QueryMetadata & { found: boolean; note?: string }): void {
  answer.classList.toggle('nothing', !data.found);
  note.hidden = data.note === undefined;
  note.textContent = data.note ?? '';
  for (const number of data.cited) document.getElementById(`source-${number}`)?.classList.add('cited');
  const how =
    data.cached === false
      ? `searched in ${seconds(data.retrieval_time)}, answered in ${seconds(data.llm_time)} by ${data.model}`
      : `remembered (${data.cached})`;
  timing.textContent = `${seconds(data.total_time)}: ${how}; ${count(data.documents_retrieved, 'passage')}, ${data.index} index`;
}

function showFailure(message: string): void {
  failure.textContent = message;
  failure.hidden = false;
}

function begin(): AbortController {
  running?.abort();
  running = new AbortController();
  failure.hidden = true;
  note.hidden = true;
  result.hidden = true;
  answer.replaceChildren();
  answer.classList.remove('nothing');
  sources.replaceChildren();
  timing.textContent = '';
  status.classList.add('busy');
  stop.hidden = false;
  return running;
}

function body(): string {
  return JSON.stringify({
    question: question.value,
    mode: byId('mode', HTMLSelectElement).value,
    k: Number(byId('k', HTMLSelectElement).value),
  });
}

/** Takes one event, and returns the text of the answer so far. */
function take(event: StreamEvent, text: string): string {
  switch (event.type) {
    case 'status':
      status.textContent = `${event.message} …`;
      return text;
    case 'sources':
      sources.replaceChildren(...event.data.map(sourceItem));
      return text;
    case 'response_chunk': {
      result.hidden = false;
      const all = text + event.data;
      answer.replaceChildren(...withCitations(all));
      return all;
    }
    case 'metadata':
      showMetadata(event.data);
      return text;
    case 'error':
      showFailure(event.error.message);
      return text;
  }
}

async function ask(): Promise<void> {
  const mine = begin();
  status.textContent = 'Sending the question …';
  try {
    let text = '';
    const init = { body: body(), headers: { 'content-type': 'application/json' }, signal: mine.signal };
    for await (const event of events<StreamEvent>('api/stream-query', init)) text = take(event, text);
    status.textContent = '';
  } catch (error) {
    if (mine.signal.aborted) status.textContent = mine === running ? 'Stopped.' : status.textContent;
    else {
      status.textContent = '';
      showFailure(error instanceof Error ? error.message : String(error));
    }
  } finally {
    if (mine === running) {
      status.classList.remove('busy');
      stop.hidden = true;
    }
  }
}

export function startAsking(): void {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void ask();
  });
  stop.addEventListener('click', () => running?.abort());
  document.addEventListener('keydown', (event) => {
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
    if (event.key === '/' && !typing) {
      event.preventDefault();
      question.focus();
      question.select();
    } else if (event.key === 'Escape') running?.abort();
  });
}
