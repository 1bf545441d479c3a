/** The models that are known by name: what they are, and which bytes they must be. */
import type { Pooling } from '../onnx/folder.js';

export interface RemoteFile {
  /** Below the model's repository on the hub. */
  path: string;
  /** Below the model's folder. */
  file: string;
  bytes: number;
  sha256: string;
}

export interface KnownModel {
  name: string;
  /** Other names that people call it by. */
  aliases: readonly string[];
  dim: number;
  /** Tokens of a text that it looks at; absent where there is no limit. */
  maxTokens?: number;
  pooling: Pooling;
  languages: string;
  license: string;
  /** Weight of vectors in hybrid search. */
  hybridWeight: number;
  /** Where it comes from; absent for the one that ships with the package. */
  remote?: { repository: string; revision: string; files: readonly RemoteFile[] };
}

/** The model that is used where none is named. */
export const DEFAULT_MODEL = 'quiver-static-256';

function fromHub(
  model: Omit<KnownModel, 'pooling' | 'license' | 'hybridWeight' | 'remote'>,
  revision: string,
  weights: [bytes: number, sha256: string],
  tokenizer: [bytes: number, sha256: string],
): KnownModel {
  const file = (path: string, name: string, [bytes, sha256]: [number, string]): RemoteFile => {
    return { path, file: name, bytes, sha256 };
  };
  return {
    ...model,
    pooling: 'mean',
    license: 'Apache-2.0',
    hybridWeight: 0.7,
    remote: {
      repository: `sentence-transformers/${model.name}`,
      revision,
      files: [file('onnx/model.onnx', 'model.onnx', weights), file('tokenizer.json', 'tokenizer.json', tokenizer)],
    },
  };
}

export const MODELS: readonly KnownModel[] = [
  {
    name: DEFAULT_MODEL,
    aliases: ['default', 'static'],
    dim: 256,
    pooling: 'mean',
    languages: 'English',
    license: 'MIT',
    hybridWeight: 0.5,
  },
  fromHub(
    { name: 'all-MiniLM-L6-v2', aliases: ['minilm'], dim: 384, maxTokens: 256, languages: 'English' },
    '1110a243fdf4706b3f48f1d95db1a4f5529b4d41',
    [90_405_214, '6fd5d72fe4589f189f8ebc006442dbb529bb7ce38f8082112682524616046452'],
    [466_247, 'be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037'],
  ),
  fromHub(
    { name: 'all-mpnet-base-v2', aliases: ['mpnet'], dim: 768, maxTokens: 384, languages: 'English' },
    'e8c3b32edf5434bc2275fc9bab85f82640a19130',
    [435_826_548, '74187b16d9c946fea252e120cfd7a12c5779d8b8b86838a2e4c56573c47941bd'],
    [466_021, 'b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842'],
  ),
  fromHub(
    {
      name: 'multi-qa-MiniLM-L6-cos-v1',
      aliases: ['multi-qa-MiniLM-L6', 'multi-qa'],
      dim: 384,
      maxTokens: 512,
      languages: 'English',
    },
    'b207367332321f8e44f96e224ef15bc607f4dbf0',
    [90_405_214, '826501e8460f6e1a83fa30a9b173f051100abda5559e1352efc0e3fe3136afc2'],
    [466_247, '7fa9272f7ef1ebd1666bb3bfd9d4707660ff0076ca9d1671cd9a9c6e18e03331'],
  ),
  fromHub(
    {
      name: 'paraphrase-multilingual-MiniLM-L12-v2',
      aliases: ['multilingual-MiniLM', 'multilingual'],
      dim: 384,
      maxTokens: 128,
      languages: 'over 50',
    },
    'e8f8c211226b894fcb81acc59f3b34ba3efd5f42',
    [470_301_610, '10f7a088420252b26caf819236ca2c9d2987afd0fc06fec7553b542a5655a05a'],
    [9_081_518, '2c3387be76557bd40970cec13153b3bbf80407865484b209e655e5e4729076b8'],
  ),
];

/** A known model by its name or one of its aliases; upper and lower case are the same. */
export function findModel(name: string): KnownModel | undefined {
  const wanted = name.toLowerCase();
  return MODELS.find((model) => [model.name, ...model.aliases].some((known) => known.toLowerCase() === wanted));
}
