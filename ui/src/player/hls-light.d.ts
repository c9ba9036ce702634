/** The build of hls.js without what a live picture does not need has the types of the whole. */
declare module "hls.js/light" {
  export { default, type ErrorData, Events, type Fragment } from "hls.js";
}
