import type { ComponentType } from "react";
import type { Camera } from "@/api/types";
import { Inspection } from "@/screens/capacity/InspectionSwitch";
import { Drift } from "./Drift";

/** What stands below the modules of a camera, in this order. */
export const SECTIONS: readonly ComponentType<{ camera: Camera }>[] = [Inspection, Drift];
