import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { mockServer } from "./dev/mock";

const server = process.env.HAECHI_SERVER;

export default defineConfig({
  plugins: [react(), ...(server ? [] : [mockServer()])],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: "../src/haechi/api/static",
    emptyOutDir: true,
    target: "es2022",
    manifest: true,
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 900,
    // The application, the page of a phone that is a camera, and the page of who watches one.
    rollupOptions: { input: ["index.html", "phone.html", "watch.html"] },
  },
  server: {
    host: "127.0.0.1",
    port: 5173,
    proxy: server
      ? { "/api": { target: server, ws: true, changeOrigin: true }, "/healthz": server }
      : undefined,
  },
});
