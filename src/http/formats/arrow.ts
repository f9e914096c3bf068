import type { Export, Format } from './format.js';

/** Apache Arrow's IPC stream with the types kept: a record batch for each group of rows. */
export const arrow: Format = {
  name: 'arrow',
  mediaType: 'application/vnd.apache.arrow.stream',
  extension: 'arrows',
  hasOrigin: false,
  async *write(rows: Export) {
    // Loading the library takes 0.1 s, which a gateway that nobody asks for Arrow need not wait for.
    const { writeArrow } = await import('./arrow-writer.js');
    yield* writeArrow(rows);
  },
};
