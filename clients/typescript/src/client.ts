import { Documents } from "./documents.js";
import { Flows } from "./flows.js";
import { Runs } from "./runs.js";
import { Transport, type ClientOptions } from "./transport.js";

/**
 * A docmill, seen through its REST surface.
 *
 * ```ts
 * const docmill = new Docmill({ baseUrl: "http://127.0.0.1:8080", apiKey: "dc_test_..." });
 * const handle = await docmill.flows.run("invoice-extractor", await readFile("invoice.pdf"));
 * for await (const event of handle.watch()) console.log(event.sequence, event.kind);
 * console.log((await handle.result()).output);
 * ```
 */
export class Docmill {
  readonly documents: Documents;
  readonly flows: Flows;
  readonly runs: Runs;

  /** TypeError when the address or the key cannot be right. Nothing is sent yet. */
  constructor(options: ClientOptions) {
    const transport = new Transport(options);
    this.documents = new Documents(transport);
    this.runs = new Runs(transport);
    this.flows = new Flows(transport, this.documents, this.runs);
  }
}
