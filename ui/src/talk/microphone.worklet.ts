import { mixed, Pieces } from "./pieces";

/** Runs where sound is made, apart from the page: a page that is busy does not tear what is said. */

declare const sampleRate: number;
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}

class Microphone extends AudioWorkletProcessor {
  private readonly pieces = new Pieces(sampleRate, (piece) =>
    this.port.postMessage(piece, [piece.data.buffer]),
  );

  process(inputs: Float32Array[][]): boolean {
    const channels = inputs[0];
    if (channels !== undefined && channels.length > 0) this.pieces.push(mixed(channels));
    return true;
  }
}

registerProcessor("haechi-microphone", Microphone);
