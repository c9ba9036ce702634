import type { ComponentType } from "react";
import type { Camera } from "@/api/types";

/** What stands below the modules of a camera, in this order. */
export const SECTIONS: readonly ComponentType<{ camera: Camera }>[] = [];
