/** What is the same for every library. */
export const K = 10;
export const M = 32;
export const EF_CONSTRUCTION = 200;
/** Close to each other where recall rises fast. */
export const WIDTHS = [
  10, 11, 12, 13, 14, 16, 18, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 128, 160, 200, 256, 320, 400, 512,
];
export const TARGETS = [0.95, 0.99];
export const OURS = 'quiver';

/** Seconds after which a library is given up: to build, and for anything else. */
export const BUILD_LIMIT = 900;
export const STEP_LIMIT = 180;
