import { ActionIcon, Button } from "@mantine/core";
import { createLink } from "@tanstack/react-router";

/** Buttons that lead to a place: real links, with typed addresses. */
export const LinkButton = createLink(Button<"a">);
export const LinkIcon = createLink(ActionIcon<"a">);
