/** JSON schemas of what comes in, and of what goes out: the server checks by them, and the OpenAPI document shows them. */

const FILTER = {
  type: 'object',
  description: 'Metadata that documents must have: $eq $ne $gt $gte $lt $lte $in $nin $exists $and $or $not',
  additionalProperties: true,
} as const;

export const QUERY = {
  type: 'object',
  required: ['question'],
  additionalProperties: false,
  properties: {
    question: { type: 'string', minLength: 1, maxLength: 10_000, description: 'In words' },
    k: { type: 'integer', minimum: 1, maximum: 100, description: 'Passages to answer from' },
    mode: { type: 'string', enum: ['hybrid', 'vector', 'keyword'] },
    filter: FILTER,
    weight: { type: 'number', minimum: 0, maximum: 1, description: 'Of the vectors in a hybrid search' },
    perDocument: { type: 'integer', minimum: 1, maximum: 100, description: 'Passages of one document at most' },
    minScore: { type: 'number' },
    minCosine: { type: 'number', minimum: -1, maximum: 1 },
    exact: { type: 'boolean', description: 'Compare with every vector' },
    sentences: { type: 'integer', minimum: 1, maximum: 20 },
    threshold: { type: 'number', minimum: 0, maximum: 1 },
    tenant: { type: 'string', minLength: 1, maxLength: 200 },
    cache: { type: 'boolean', description: 'false: answer anew' },
    deadline: { type: 'number', exclusiveMinimum: 0, maximum: 3600, description: 'Seconds' },
  },
} as const;

const SOURCE = {
  type: 'object',
  properties: {
    number: { type: 'integer' },
    document_id: { type: 'string' },
    file_name: { type: 'string' },
    title: { type: 'string' },
    page: { type: 'integer' },
    relevance_score: { type: 'number' },
    score: { type: 'number' },
    snippet: { type: 'string' },
    marks: { type: 'array', items: { type: 'array', items: { type: 'integer' } } },
  },
} as const;

export const METADATA = {
  type: 'object',
  description: 'Times in seconds',
  properties: {
    retrieval_time: { type: 'number' },
    llm_time: { type: 'number' },
    total_time: { type: 'number' },
    documents_retrieved: { type: 'integer' },
    cited: { type: 'array', items: { type: 'integer' } },
    cached: { anyOf: [{ type: 'boolean' }, { type: 'string' }] },
    model: { type: 'string' },
    embedding_model: { type: 'string' },
    index: { type: 'string' },
    mode: { type: 'string' },
    generation: { type: 'integer' },
  },
} as const;

export const RESULT = {
  type: 'object',
  properties: {
    answer: { type: 'string' },
    found: { type: 'boolean' },
    note: { type: 'string' },
    quotes: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          text: { type: 'string' },
          source: { type: 'integer' },
          start: { type: 'integer' },
          end: { type: 'integer' },
          score: { type: 'number' },
        },
      },
    },
    sources: { type: 'array', items: SOURCE },
    metadata: METADATA,
  },
} as const;

export const FAILURE = {
  type: 'object',
  properties: {
    error: {
      type: 'object',
      properties: {
        code: { type: 'string' },
        message: { type: 'string' },
        expected: { type: 'string' },
        actual: { type: 'string' },
      },
    },
  },
} as const;

export const TEXTS = {
  type: 'object',
  required: ['texts'],
  additionalProperties: false,
  properties: {
    texts: {
      type: 'array',
      minItems: 1,
      maxItems: 10_000,
      items: {
        type: 'object',
        required: ['text'],
        additionalProperties: false,
        properties: {
          id: { type: 'string', minLength: 1, maxLength: 1000 },
          text: { type: 'string', minLength: 1 },
          title: { type: 'string', maxLength: 1000 },
          type: { type: 'string', maxLength: 100 },
          source: { type: 'string', maxLength: 4000 },
          metadata: { type: 'object', additionalProperties: true },
        },
      },
    },
  },
} as const;

export const PAGE = {
  type: 'object',
  additionalProperties: false,
  properties: {
    limit: { type: 'integer', minimum: 1, maximum: 1000, default: 100 },
    after: { type: 'string', description: 'next of the page before' },
  },
} as const;

export const ID = {
  type: 'object',
  required: ['id'],
  additionalProperties: false,
  properties: { id: { type: 'string', minLength: 1, maxLength: 4000 } },
} as const;
