/** What the collection holds, and what is dropped into it. */
import type { DocumentPage } from '../../store/backend.js';
import type { UploadResult } from '../uploads.js';
import { call, events, getJson } from './client.js';
import { byId, count, make } from './dom.js';

type Listed = DocumentPage & { total: { documents: number; chunks: number } };

type UploadEvent =
  | { type: 'progress'; file: string; files: { done: number; total: number }; documents: number; chunks: number }
  | { type: 'result'; data: UploadResult }
  | { type: 'error'; error: { message: string } };

const PAGE = 30;
const list = byId('document-list');
const more = byId('more');
const holds = byId('holds');
const upload = byId('upload');
const bar = byId('upload-bar', HTMLProgressElement);
const text = byId('upload-text');
const failures = byId('upload-failures');
const drop = byId('drop');
const input = byId('files', HTMLInputElement);

let next: string | undefined;

function item({ id, title, type, chunks }: DocumentPage['documents'][number]): HTMLElement {
  const remove = make('button', { type: 'button', 'aria-label': `Delete ${id}`, title: 'Delete' }, '×');
  const row = make(
    'li',
    {},
    make(
      'span',
      { class: 'title', title: id },
      make('span', {}, title ?? id),
      // Documents of one title ("LICENSE") are told apart by where they come from.
      ...(title === undefined || title === id ? [] : [make('span', { class: 'path' }, id)]),
      make('span', { class: 'about' }, `${type ?? 'text'}, ${count(chunks, 'chunk')}`),
    ),
    remove,
  );
  remove.addEventListener('click', () => void removeDocument(id, title ?? id));
  return row;
}

async function removeDocument(id: string, name: string): Promise<void> {
  if (!confirm(`Delete ${name} from the collection? The file itself stays where it is.`)) return;
  try {
    await call(`api/documents?id=${encodeURIComponent(id)}`, { method: 'DELETE' });
  } catch (error) {
    tell(error instanceof Error ? error.message : String(error));
  }
  await showDocuments();
}

function tell(message: string): void {
  upload.hidden = false;
  bar.hidden = true;
  text.textContent = message;
}

export async function showDocuments(after?: string): Promise<void> {
  const page = await getJson<Listed>(
    `api/documents?limit=${PAGE}${after === undefined ? '' : `&after=${encodeURIComponent(after)}`}`,
  );
  const items = page.documents.map(item);
  if (after === undefined) list.replaceChildren(...items);
  else list.append(...items);
  next = page.next;
  more.hidden = next === undefined;
  const { documents, chunks } = page.total;
  holds.textContent =
    documents === 0 ? 'No documents yet' : `${count(documents, 'document')} in ${count(chunks, 'chunk')}`;
}

function take(event: UploadEvent): void {
  if (event.type === 'progress') {
    const { files, file, documents, chunks } = event;
    bar.max = Math.max(1, files.total);
    bar.value = files.done;
    text.textContent = `${files.done} of ${count(files.total, 'file')}: ${file} (${count(documents, 'document')}, ${count(chunks, 'chunk')})`;
  } else if (event.type === 'result') {
    const { documents, chunks, seconds, failures: failed } = event.data;
    bar.value = bar.max;
    text.textContent = `${count(documents, 'document')} in ${count(chunks, 'chunk')} added in ${seconds.toFixed(1)} s`;
    failures.replaceChildren(...failed.map(({ file, error }) => make('li', {}, `${file}: ${error.message}`)));
  } else tell(event.error.message);
}

async function send(files: readonly File[]): Promise<void> {
  if (files.length === 0) return;
  upload.hidden = false;
  bar.hidden = false;
  bar.removeAttribute('value');
  failures.replaceChildren();
  text.textContent = `Sending ${count(files.length, 'file')} …`;
  const body = new FormData();
  for (const file of files) body.append('files', file, file.name);
  try {
    for await (const event of events<UploadEvent>('api/documents', { body })) take(event);
  } catch (error) {
    tell(error instanceof Error ? error.message : String(error));
  }
  await showDocuments();
}

export function startDocuments(): void {
  more.addEventListener('click', () => void showDocuments(next));
  input.addEventListener('change', () => {
    void send([...(input.files ?? [])]);
    input.value = '';
  });
  // The whole window takes files: a drop beside the box would open the file instead of the page.
  for (const name of ['dragover', 'dragleave', 'drop'] as const) {
    window.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle('over', name === 'dragover');
      if (name === 'drop') void send([...(event.dataTransfer?.files ?? [])]);
    });
  }
  void showDocuments().catch((error: unknown) => {
    tell(error instanceof Error ? error.message : String(error));
  });
}
