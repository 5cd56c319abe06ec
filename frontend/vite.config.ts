/**
 * How the frontend is built: static files with relative addresses, for any web server and any folder of it.
 */
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

export default defineConfig({
  base: './',
  plugins: [react()],
  // A small picture in the text of a style would need data: in the policy.
  build: { target: 'baseline-widely-available', assetsInlineLimit: 0, modulePreload: { polyfill: false } }
})
