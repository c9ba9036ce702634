import { useQuery } from "@tanstack/react-query";
import { useCallback } from "react";
import { camerasQuery } from "@/api/queries";

/** Names of cameras by id; the id itself for one that is gone. */
export function useCameraName(): (camera: string) => string {
  const cameras = useQuery(camerasQuery).data;
  return useCallback((camera) => cameras?.find((row) => row.id === camera)?.name ?? camera, [cameras]);
}
