/**
 * Many vectors in little time, neither uniform nor trivial: Gaussian clusters of a space of 24 dimensions, turned into 128 by a fixed
 * random matrix, with a little noise in all 128. A cluster holds about 100 vectors and overlaps its neighbours, so that a graph has to walk
 * between them. A million takes some seconds; the same on every run.
 */
import { mulberry32 } from './data.js';

export const DIM = 128;
const LATENT = 24;
/** Of vectors around their centre, where centres have 1. */
const SPREAD = 0.6;
const NOISE = 0.05;

/** Gaussian numbers, two at a time (Box-Muller), from a generator with a seed. */
function gaussian(seed: number): () => number {
  const random = mulberry32(seed);
  let spare: number | undefined;
  return () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    const length = Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    spare = length * Math.sin(angle);
    return length * Math.cos(angle);
  };
}

function around(centres: Float32Array, turned: Float32Array, count: number, seed: number): Float32Array {
  const normal = gaussian(seed);
  const random = mulberry32(seed + 1);
  const vectors = new Float32Array(count * DIM);
  const latent = new Float64Array(LATENT);
  const many = centres.length / LATENT;
  for (let i = 0; i < count; i++) {
    const centre = Math.floor(random() * many) * LATENT;
    for (let d = 0; d < LATENT; d++) latent[d] = (centres[centre + d] ?? 0) + SPREAD * normal();
    for (let j = 0; j < DIM; j++) {
      let sum = (random() - 0.5) * NOISE;
      for (let d = 0; d < LATENT; d++) sum += (turned[j * LATENT + d] ?? 0) * (latent[d] ?? 0);
      vectors[i * DIM + j] = sum;
    }
  }
  return vectors;
}

export function gaussianClusters(
  count: number,
  queryCount: number,
  clusters: number,
): { dim: number; base: Float32Array; queries: Float32Array } {
  const normal = gaussian(31);
  const turned = Float32Array.from({ length: DIM * LATENT }, () => normal() / Math.sqrt(LATENT));
  const centres = Float32Array.from({ length: clusters * LATENT }, normal);
  return { dim: DIM, base: around(centres, turned, count, 37), queries: around(centres, turned, queryCount, 41) };
}
