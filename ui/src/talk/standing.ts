import { queryOptions } from "@tanstack/react-query";
import { request } from "@/api/client";
import type { Camera, User } from "@/api/types";

/** Whether one can speak to a camera; the server asks the camera itself, so not often. */
export interface TalkStanding {
  possible: boolean;
  why: string | null;
  speaking: string | null;
}

export const talkQuery = (camera: string) =>
  queryOptions({
    queryKey: ["talk", camera],
    staleTime: 60_000,
    retry: false,
    refetchOnWindowFocus: false,
    queryFn: ({ signal }) => request<TalkStanding>("GET", `/api/cameras/${camera}/talk`, undefined, signal),
  });

/** Whether to ask at all. */
export const maySpeak = (user: User | undefined): boolean =>
  user !== undefined && (user.role === "admin" || user.may_speak);

export const isThere = (camera: Camera): boolean => camera.enabled && camera.status.state === "live";

/** Reasons that are worth a button that is switched off; with any other there is none. */
const SHOWN = ["back-channel-codec", "camera-offline"];

export const isShown = (standing: TalkStanding | undefined): boolean =>
  standing !== undefined && (standing.possible || SHOWN.includes(standing.why ?? ""));
