/** How pictures come to this server. Each way has one panel on the page where cameras are added. */
export const WAYS = ["network", "dials", "phone", "publish", "webcam", "film", "site"] as const;
export type Way = (typeof WAYS)[number];
