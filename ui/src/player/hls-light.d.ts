/**
 * hls.js without what a live picture does not need (sound of its own, captions, keys), as its makers minify it: smaller
 * than what our build makes of it. It has the types of the whole.
 */
declare module "hls.js/light" {
  export { default, type ErrorData } from "hls.js";
}
